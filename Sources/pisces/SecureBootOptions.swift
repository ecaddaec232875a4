import ArgumentParser
import LinuxSystem

/// The key that signs what the firmware and the boot loader start.
struct SecureBootOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Sign boot loader and kernel for Secure Boot with this RSA key (PEM, no passphrase).", valueName: "file"),
        completion: .file())
    var secureBootKey: String?

    @Option(
        help: ArgumentHelp("The key's certificate (PEM), which the firmware has to know.", valueName: "file"),
        completion: .file())
    var secureBootCertificate: String?

    func validate() throws {
        guard (secureBootKey == nil) == (secureBootCertificate == nil) else {
            throw ValidationError("--secure-boot-key and --secure-boot-certificate belong together: give both")
        }
    }

    /// Reads the two files; nil if none is given.
    func signingKey() throws -> SigningKey? {
        guard let secureBootKey, let secureBootCertificate else { return nil }
        let certificate = try Workspace.certificate(secureBootCertificate)
        let pem = try Workspace.readFile(secureBootKey, limit: 1 << 20)
        return try SigningKey.read(pem: pem, file: secureBootKey, certificate: certificate)
    }
}
