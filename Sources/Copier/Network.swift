internal import BlueprintModel
internal import LinuxSystem

extension Reading {
    /// Reads hostname(5), and those files of systemd.network(5) that say what a blueprint can say. Other ways to
    /// configure links are files.
    mutating func readNetwork(named name: String?, into blueprint: inout Blueprint) throws {
        let host = lines(of: "/etc/hostname", "network").lazy.compactMap(\.content).first ?? ""
        let isHost = TextForm.hostName.allows(host)
        if !host.isEmpty, !isHost { leaveOut("network", "/etc/hostname", "it is no host name") }
        blueprint.name = name ?? Self.name(from: isHost ? host : "", identity)
        if isHost, identity == .same, host != blueprint.name { blueprint.network.hostname = host }
        if isHost, identity == .offspring {
            leaveOut("network", "hostname", "an offspring is called by the blueprint's name, \(blueprint.name)")
        }
        blueprint.network.links = links()
        if identity == .offspring {
            for (link, value) in blueprint.network.links.sorted(by: { bytesPrecede($0.key, $1.key) })
            where !value.addresses.isEmpty {
                leaveOut("network", link, "its addresses are in the copy: give the offspring others")
            }
        }
        try explain(blueprint.network.hostRegisters(name: blueprint.name))
        if identity == .offspring { explain("/etc/hostname") }
        let resolver = "/etc/resolv.conf"
        if try root.linkTarget(resolver) == "../run/systemd/resolve/stub-resolv.conf",
            try root.statusOfLink("/usr/lib/systemd/systemd-resolved") != nil
        {
            explain(resolver)
        }
    }

    /// A blueprint's name after a host's: the first label, without what no name may have.
    static func name(from host: String, _ identity: Copier.Identity) -> String {
        let label = (parts(of: host, at: ".").first ?? "").lowercased()
        let suffix = identity == .offspring ? "-offspring" : ""
        let name = String(label.prefix(63 - suffix.count)) + suffix
        return TextForm.name.allows(name) ? name : "copy\(suffix)"
    }

    // MARK: - Links

    /// The links of all files that describe one; none where their order says something that a blueprint cannot.
    private mutating func links() -> [String: Blueprint.Link] {
        let folder = "/etc/systemd/network"
        var links: [(name: String, link: Blueprint.Link, path: String)] = []
        for file in names(in: folder, "network") where file.hasSuffix(".network") {
            let path = "\(folder)/\(file)"
            if conffiles.contains(path) { continue }
            guard let (name, link) = NetworkFile(lines(of: path, "network")).link else {
                leaveOut("network", path, "it says more than a link of a blueprint: it stays a file")
                continue
            }
            links.append((name, link, path))
        }
        // The constructor would have networkd read what nothing reads here.
        let wanted = "/etc/systemd/system/multi-user.target.wants/systemd-networkd.service"
        if !links.isEmpty, (try? root.statusOfLink(wanted)) == .some(nil) {
            leaveOut("network", folder, "systemd-networkd is not enabled: its files stay files")
            return [:]
        }
        // Of the files that fit a link, systemd takes the first by name; the constructor orders them by their links.
        guard zip(links, links.dropFirst()).allSatisfy({ bytesPrecede($0.name, $1.name) }) else {
            leaveOut("network", folder, "the order of its files is not that of their links: they stay files")
            return [:]
        }
        for link in links { explain(link.path) }
        return Dictionary(uniqueKeysWithValues: links.map { ($0.name, $0.link) })
    }
}

/// A file of systemd.network(5).
struct NetworkFile {
    /// What a blueprint says by it; nil where the file says anything else.
    private(set) var link: (name: String, link: Blueprint.Link)?

    init(_ lines: [TextLine]) {
        var section = ""
        var name: String?
        var link = Blueprint.Link()
        for line in lines.compactMap(\.content) where line.utf8.first != UInt8(ascii: ";") {
            if line.utf8.first == UInt8(ascii: "[") {
                section = line
                continue
            }
            guard let (key, value) = assignment(line) else { return }
            switch section + key {
            case "[Match]Name" where name == nil && TextForm.linkName.allows(value): name = value
            case "[Network]DHCP" where ["yes", "true", "on", "1"].contains(value): link.dhcp = true
            case "[Network]DHCP" where ["no", "false", "off", "0"].contains(value): link.dhcp = false
            case "[Network]Address" where TextForm.prefix.allows(value): link.addresses.append(value)
            case "[Network]Gateway" where TextForm.address.allows(value): link.gateways.append(value)
            case "[Network]DNS" where words(of: value).allSatisfy(TextForm.address.allows): link.dns += words(of: value)
            default: return
            }
        }
        let lists = [link.addresses, link.gateways, link.dns]
        let isIPv6 = link.gateways.map { $0.contains(":") }
        guard let name, lists.allSatisfy({ $0.unique == $0 }), isIPv6.unique == isIPv6 else { return }
        self.link = (name, link)
    }
}
