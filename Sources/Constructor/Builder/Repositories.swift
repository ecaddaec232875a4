import BlueprintModel
import Debian
import LinuxSystem

extension Customization {
    /// Writes apt's sources (sources.list(5), deb822 style): what the packages came from is what they are updated from.
    func makeRepositories() throws {
        try makeDebianSources()
        try root.remove("etc/apt/sources.list")
        for (name, repository) in blueprint.repositories.sorted(by: { bytesPrecede($0.key, $1.key) }) {
            guard case .archive(let archive) = repository else { continue }
            let isArmored = archive.signedBy.starts(with: Array("-----BEGIN".utf8))
            let key = "etc/apt/keyrings/\(name).\(isArmored ? "asc" : "pgp")"
            try root.write(archive.signedBy, to: key)
            let stanza = Deb822.Stanza([
                .init("Types", "deb"), .init("URIs", archive.uri),
                .init("Suites", archive.suites.joined(separator: " ")),
                .init("Components", archive.components.joined(separator: " ")), .init("Signed-By", "/\(key)"),
            ])
            try root.write(Deb822.write([stanza]), to: "etc/apt/sources.list.d/\(name).sources")
        }
    }

    private func makeDebianSources() throws {
        let keyrings = ["pgp", "gpg"].map { "usr/share/keyrings/debian-archive-keyring.\($0)" }
        // An image without Debian's keys cannot check what its archive says, so it is not told of one.
        guard let keyring = keyrings.first(where: root.exists) else { return }
        let own = lock.releases.filter { !$0.name.contains("/") }
        // Suites of one archive share a stanza, in the lock's order.
        var stanzas: [Deb822.Stanza] = []
        for uri in own.map(\.uri).reduce(into: [String](), { if !$0.contains($1) { $0.append($1) } }) {
            let suites = own.filter { $0.uri == uri }
            stanzas.append(
                Deb822.Stanza([
                    .init("Types", "deb"), .init("URIs", uri),
                    .init("Suites", suites.map(\.suite).joined(separator: " ")),
                    .init("Components", (suites.first?.components ?? []).joined(separator: " ")),
                    .init("Signed-By", "/\(keyring)"),
                ]))
        }
        try root.write(Deb822.write(stanzas), to: "etc/apt/sources.list.d/debian.sources")
    }
}
