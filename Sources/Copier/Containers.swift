internal import BlueprintModel
internal import LinuxSystem

extension Reading {
    /// Reads the quadlets of podman-systemd.unit(5). One whose image has no digest stays a file: what it would be
    /// tomorrow, nobody knows.
    mutating func readContainers(into blueprint: inout Blueprint) throws {
        let (kind, folder) = ("containers", "/etc/containers/systemd")
        for name in names(in: folder, kind) {
            let path = "\(folder)/\(name)"
            guard let status = try root.statusOfLink(path), status.type == 0o100000, name.contains(".") else {
                continue
            }
            guard let bytes = bytes(of: path, kind) else { continue }
            guard TextForm.containerName.allows(name), !bytes.contains(0),
                let text = String(validating: bytes, as: UTF8.self)
            else {
                leaveOut(kind, path, "it is no quadlet that a blueprint can name, or no text: it stays a file")
                continue
            }
            if let secret = SecretFiles.kind(in: bytes) {
                leaveOut(kind, path, "it holds \(secret): give it to the container as a secret of podman's")
                report.secretFiles.append(path)
                continue
            }
            let ending = ".container"
            let short = String(name.dropLast(ending.count))
            if name.hasSuffix(ending), let service = Blueprint.ContainerService(quadlet: text, name: short) {
                blueprint.containers[short] = .service(service)
            } else if let images = images(of: text, isContainer: name.hasSuffix(ending)) {
                blueprint.containers[name] = .quadlet(text: bytes, images: images)
            } else {
                leaveOut(kind, path, "its image has no digest: it stays a file; write Image=NAME@sha256:… into it")
                continue
            }
            explain(path)
        }
        if !blueprint.containers.isEmpty { try explain(["/etc/containers/storage.conf": Blueprint.containerStorage]) }
        for name in names(in: "/usr/share/containers/systemd", kind) {
            leaveOut(kind, "/usr/share/containers/systemd/\(name)", "what is below /usr is a package's, or a file")
        }
    }

    /// The images that a quadlet names; nil where one has no digest.
    private func images(of text: String, isContainer: Bool) -> [ImageReference]? {
        guard isContainer else { return [] }
        let prefix = "Image="
        // One that another file describes has that file's name.
        let names = parts(of: text, at: "\n").filter { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) }
        let images = names.map { ImageReference($0).flatMap { $0.digest == nil ? nil : $0 } }
        return images.contains { $0 == nil } ? nil : images.compactMap { $0 }.unique
    }
}
