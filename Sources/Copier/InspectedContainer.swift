internal import BlueprintModel
internal import LinuxSystem

/// What `podman container inspect` or `docker container inspect` says of a container that a command made, as a
/// blueprint has it: less what its image says. Keys that the blueprint has no words for become a quadlet's.
struct InspectedContainer {
    /// The name of its service.
    private(set) var name = ""
    /// The container; nil where it cannot be copied, for which ``omissions`` has the reason.
    private(set) var container: Blueprint.Container?
    /// The networks that it needs, as files.
    private(set) var networks: [String: Blueprint.Container] = [:]
    /// What does not travel: a part of the container and the reason. No text of it is a secret.
    private(set) var omissions: [(subject: String, reason: String)] = []
    /// What the blueprint's own keys cannot say.
    private var extra: [String] = []

    private let inspected: JSONValue
    private let image: JSONValue
    private var config: JSONValue? { inspected["Config"] }
    private var host: JSONValue? { inspected["HostConfig"] }
    private var original: String { Self.plain(inspected["Name"]?.string ?? "") }

    init(_ inspected: JSONValue, image: JSONValue) {
        (self.inspected, self.image) = (inspected, image)
        name = Self.unitName(original)
        do throws(Obstacle) {
            container = try translated()
        } catch {
            (container, networks) = (nil, [:])
            omit("", error.reason)
        }
    }

    /// Whether systemd runs it: who wrote the unit or quadlet has it there.
    static func isMadeByUnit(_ inspected: JSONValue) -> Bool {
        inspected["Config"]?["Labels"]?["PODMAN_SYSTEMD_UNIT"] != nil
    }

    /// Why a container cannot travel.
    private struct Obstacle: Error { var reason: String }

    private mutating func omit(_ part: String, _ reason: String) {
        omissions.append((part.isEmpty ? original : "\(original): \(part)", reason))
    }

    private mutating func translated() throws(Obstacle) -> Blueprint.Container {
        guard TextForm.containerName.allows(name) else {
            throw Obstacle(reason: "its name is none that a unit can have")
        }
        if let pod = inspected["Pod"]?.string, !pod.isEmpty {
            throw Obstacle(reason: "it is in a pod: write a .pod and .container file into /etc/containers/systemd")
        }
        var service = Blueprint.ContainerService(image: try reference())
        try readCommand(&service)
        readEnvironment(&service)
        readUnset()
        readPorts(&service)
        readVolumes(&service)
        try readNetwork(&service)
        readUser(&service)
        readCapabilities(&service)
        readRestart(&service)
        service.readOnly = host?["ReadonlyRootfs"]?.bool ?? false
        readLabels()
        readLimits()
        reportOthers()
        let reference = service.image
        let digested = "\(reference.repository)@sha256:\(reference.digest ?? "")"
        let text = service.quadlet(name: name, image: digested)
        guard !(parts(of: text, at: "\n") + extra).contains(where: hasControls) else {
            throw Obstacle(reason: "a value of it has control characters: write a quadlet into /etc/containers/systemd")
        }
        if let secret = SecretFiles.kind(in: Array((text + extra.joined(separator: "\n")).utf8)) {
            throw Obstacle(reason: "it holds \(secret): give it to the container as a secret of podman's")
        }
        if extra.isEmpty { return .service(service) }
        // The section that only describes a container of keys is none of a file's.
        var lines = parts(of: text, at: "\n")
        if let end = lines.firstIndex(of: "[X-Pisces]") { lines.removeSubrange((end - 1)...) }
        lines.insert(contentsOf: extra, at: 4)
        return .quadlet(text: Array(lines.map { "\($0)\n" }.joined().utf8), images: [reference])
    }
}

// MARK: - Parts

extension InspectedContainer {
    /// The image by the digest of its registry.
    private func reference() throws(Obstacle) -> ImageReference {
        let name = Self.fullName(inspected["ImageName"]?.string ?? config?["Image"]?.string ?? "")
        let wanted = ImageReference(name)
        let known = Self.strings(image["RepoDigests"]).compactMap { ImageReference(Self.fullName($0)) }
            .filter { $0.digest != nil && !$0.isLocal }
        guard let found = known.first(where: { $0.repository == wanted?.repository }) ?? known.first else {
            throw Obstacle(
                reason: "its image is in no registry, so it has no digest: push it to one and make the container of "
                    + "that, or give the container an OCI layout")
        }
        guard let tag = wanted?.tag, wanted?.repository == found.repository else { return found }
        return ImageReference("\(found.repository):\(tag)@sha256:\(found.digest ?? "")") ?? found
    }

    private mutating func readCommand(_ service: inout Blueprint.ContainerService) throws(Obstacle) {
        var words = [inspected["Path"]?.string ?? ""] + Self.strings(inspected["Args"])
        if ["/dev/init", "/run/podman-init"].contains(words[0]), words.dropFirst().first == "--" {
            words.removeFirst(2)
            extra.append("PodmanArgs=--init")
        } else if host?["Init"]?.bool == true {
            extra.append("PodmanArgs=--init")
        }
        let entry = Self.strings(image["Config"]?["Entrypoint"])
        let usual = Self.strings(image["Config"]?["Cmd"])
        if words == entry + usual { return }
        var rest = words[...]
        // No words at all would be the image's own.
        if words.starts(with: entry), words.count > entry.count {
            rest = words.dropFirst(entry.count)
        } else if let first = rest.popFirst() {
            extra.append("PodmanArgs=--entrypoint=\(Self.quoted(first))")
        }
        if !rest.isEmpty { service.exec = rest.map(Self.quoted).joined(separator: " ") }
    }

    private mutating func readEnvironment(_ service: inout Blueprint.ContainerService) {
        let known = Set(Self.strings(image["Config"]?["Env"]))
        let added = ["HOME", "HOSTNAME", "TERM", "container"]
        let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        for text in Self.strings(config?["Env"]) where !known.contains(text) && text != path {
            let name = String(decoding: text.utf8.prefix { $0 != UInt8(ascii: "=") }, as: UTF8.self)
            let value = String(decoding: text.utf8.dropFirst(name.utf8.count + 1), as: UTF8.self)
            if added.contains(name), !commandOptions.contains(where: { $0.hasSuffix(text) }) { continue }
            if let secret = SecretFiles.kind(in: Array(text.utf8)) ?? SecretFiles.kind(in: Array(value.utf8)) {
                omit("environment \(name)", "it holds \(secret): give it to the container as a secret of podman's")
            } else if isWord(name), !name.isEmpty, !isDigit(name.utf8.first ?? 0), !hasControls(value) {
                service.environment[name] = value
            } else {
                omit("environment \(name)", "its name or value is none that a unit can have")
            }
        }
    }

    /// Variables of the image that the command took away.
    private mutating func readUnset() {
        func names(_ value: JSONValue?) -> [String] {
            Self.strings(value).map { String(decoding: $0.utf8.prefix { $0 != UInt8(ascii: "=") }, as: UTF8.self) }
        }
        let kept = Set(names(config?["Env"]))
        for name in names(image["Config"]?["Env"]) where !kept.contains(name) {
            extra.append("PodmanArgs=--unsetenv=\(Self.quoted(name))")
        }
    }

    private mutating func readPorts(_ service: inout Blueprint.ContainerService) {
        let ports = (host?["PortBindings"]?.object ?? [:]).sorted { bytesPrecede($0.key, $1.key) }
        for (port, bindings) in ports {
            let inner = port.hasSuffix("/tcp") ? String(port.dropLast(4)) : port
            for binding in bindings.array ?? [] {
                let address = binding["HostIp"]?.string ?? ""
                let outer = binding["HostPort"]?.string ?? ""
                let prefix =
                    address.isEmpty ? "" : address.utf8.contains(UInt8(ascii: ":")) ? "[\(address)]:" : "\(address):"
                service.publish.append(outer.isEmpty && prefix.isEmpty ? inner : "\(prefix)\(outer):\(inner)")
            }
        }
        if host?["PublishAllPorts"]?.bool == true { extra.append("PodmanArgs=--publish-all") }
    }

    private mutating func readVolumes(_ service: inout Blueprint.ContainerService) {
        for mount in inspected["Mounts"]?.array ?? [] {
            let target = mount["Destination"]?.string ?? ""
            let (kind, volume) = (mount["Type"]?.string ?? "", mount["Name"]?.string ?? "")
            guard ["bind", "volume"].contains(kind), ["", "local"].contains(mount["Driver"]?.string ?? "") else {
                if kind != "tmpfs" { omit("mount \(target)", "a mount of this kind is not copied") }
                continue
            }
            var source = kind == "bind" ? mount["Source"]?.string ?? "" : volume
            let isNameless = kind == "volume" && volume.utf8.count == 64 && volume.utf8.allSatisfy(isHexadecimal)
            if isNameless { source = "" }
            if (source + target).utf8.contains(UInt8(ascii: ":")) {
                omit("mount \(target)", "a colon in its path cannot be written")
                continue
            }
            omit("mount \(target)", "what is in it stays behind: bring it as data")
            if isNameless, image["Config"]?["Volumes"]?[target] != nil { continue }
            var options = mount["RW"]?.bool == false ? ["ro"] : []
            if let propagation = mount["Propagation"]?.string, !["", "rprivate"].contains(propagation) {
                options.append(propagation)
            }
            let known = ["", "rw", "ro", "rbind", "bind", "nosuid", "nodev", "rprivate", "z", "Z"]
            let others = Self.strings(mount["Options"]) + parts(of: mount["Mode"]?.string ?? "", at: ",")
            options += others.filter { !known.contains($0) && !options.contains($0) }.unique
            let text =
                ([source, target].filter { !$0.isEmpty } + (options.isEmpty ? [] : [options.joined(separator: ",")]))
            service.volumes.append(Self.literal(text.joined(separator: ":")))
        }
        service.volumes.sort(by: bytesPrecede)
        let usual = host?["ReadonlyRootfs"]?.bool == true ? ["/run", "/tmp", "/var/tmp"] : []
        for (path, options) in (host?["Tmpfs"]?.object ?? [:]).sorted(by: { bytesPrecede($0.key, $1.key) })
        where !usual.contains(path) {
            let text = options.string.flatMap { $0.isEmpty ? nil : ":\($0)" } ?? ""
            extra.append("Tmpfs=\(Self.literal(path + text))")
        }
    }

    private mutating func readNetwork(_ service: inout Blueprint.ContainerService) throws(Obstacle) {
        let mode = host?["NetworkMode"]?.string ?? "default"
        if mode.hasPrefix("container:") || mode.hasPrefix("ns:") {
            throw Obstacle(reason: "it shares the network of another: write quadlets into /etc/containers/systemd")
        }
        if ["host", "none"].contains(mode) {
            service.network = [mode]
            return
        }
        let own = inspected["NetworkSettings"]?["Networks"]?.object ?? [:]
        let id = inspected["Id"]?.string ?? ""
        for (network, settings) in own.sorted(by: { bytesPrecede($0.key, $1.key) })
        where !["podman", "bridge", "host", "none", "default"].contains(network) {
            let file = "\(Self.unitName(network)).network"
            guard TextForm.containerName.allows(file) else {
                omit("network \(network)", "its name is none that a unit can have")
                continue
            }
            service.network.append(file)
            networks[file] = .quadlet(text: Array("[Network]\nNetworkName=\(Self.literal(network))\n".utf8), images: [])
            omit("network \(network)", "its addresses and options are not copied: it is made with the usual ones")
            let aliases = Self.strings(settings["Aliases"]) + (name == original ? [] : [original])
            for alias in aliases.unique where alias != name && !id.hasPrefix(alias) {
                extra.append("PodmanArgs=--network-alias=\(Self.quoted(alias))")
            }
        }
        extra = extra.unique
    }

    private mutating func readUser(_ service: inout Blueprint.ContainerService) {
        if let user = config?["User"]?.string, !user.isEmpty,
            user != image["Config"]?["User"]?.string ?? image["User"]?.string ?? ""
        {
            if user.utf8.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false).count <= 2,
                !user.hasPrefix(":"),
                !user.hasSuffix(":"), user.utf8.count <= 65, isWord(user, and: ".:-")
            {
                service.user = user
            } else {
                omit("user", "its user is none that a unit can have")
            }
        }
        let folder = config?["WorkingDir"]?.string ?? ""
        let usual = image["Config"]?["WorkingDir"]?.string ?? ""
        if !["", "/"].contains(folder) || !["", "/"].contains(usual), folder != usual {
            extra.append("PodmanArgs=--workdir=\(Self.quoted(folder))")
        }
    }

    private mutating func readCapabilities(_ service: inout Blueprint.ContainerService) {
        if host?["Privileged"]?.bool == true {
            extra.append("PodmanArgs=--privileged")
            return
        }
        func capabilities(_ key: String) -> [String] {
            Self.strings(host?[key]).map { $0.hasPrefix("CAP_") ? String($0.dropFirst(4)) : $0 }
                .map { $0 == "ALL" ? "all" : $0 }.filter { isWord($0) }
        }
        service.addCapabilities = capabilities("CapAdd")
        // Podman counts from a list longer than that of what it gives.
        let never = inspected["EffectiveCaps"] == nil ? [] : ["AUDIT_WRITE", "MKNOD", "NET_RAW"]
        service.dropCapabilities = capabilities("CapDrop").filter { !never.contains($0) }
    }

    private mutating func readRestart(_ service: inout Blueprint.ContainerService) {
        let policy = host?["RestartPolicy"]?["Name"]?.string ?? ""
        let isRunning = inspected["State"]?["Running"]?.bool ?? false
        switch policy {
        case "always", "unless-stopped": service.restart = .always
        case "on-failure": service.restart = .onFailure
        default: service.restart = .no
        }
        service.autoStart = isRunning || policy == "always"
        if let count = host?["RestartPolicy"]?["MaximumRetryCount"]?.integer, count > 0 {
            omit("restart", "systemd counts otherwise: it is started again more than \(count) times")
        }
    }

    private mutating func readLabels() {
        let known = image["Config"]?["Labels"]?.object ?? [:]
        let labels = (config?["Labels"]?.object ?? [:]).sorted { bytesPrecede($0.key, $1.key) }
        for (key, value) in labels where known[key] != value {
            let text = "\(key)=\(value.string ?? "")"
            if let secret = SecretFiles.kind(in: Array(text.utf8)) {
                omit("label \(key)", "it holds \(secret)")
            } else {
                extra.append("Label=\(Self.quoted(text, always: true))")
            }
        }
    }

    private mutating func readLimits() {
        func number(_ key: String) -> Int { host?[key]?.integer ?? 0 }
        let memory = number("Memory")
        let limits = [
            ("memory", "Memory", [0]), ("memory-reservation", "MemoryReservation", [0]),
            ("memory-swap", "MemorySwap", [0, 2 * min(memory, Int.max / 2)]), ("cpu-shares", "CpuShares", [0]),
            ("cpu-period", "CpuPeriod", [0]), ("cpu-quota", "CpuQuota", [0]),
            ("pids-limit", "PidsLimit", [0, -1, 2048]), ("shm-size", "ShmSize", [0, 65_536_000, 67_108_864]),
            ("oom-score-adj", "OomScoreAdj", [0]),
        ]
        for (option, key, usual) in limits where !usual.contains(number(key)) {
            extra.append("PodmanArgs=--\(option)=\(number(key))")
        }
        if number("NanoCpus") > 0, number("CpuQuota") == 0 {
            extra.append("PodmanArgs=--cpu-period=100000")
            extra.append("PodmanArgs=--cpu-quota=\(number("NanoCpus") / 10_000)")
        }
        let lists = [
            ("dns", "Dns"), ("dns-search", "DnsSearch"), ("dns-option", "DnsOptions"), ("add-host", "ExtraHosts"),
            ("group-add", "GroupAdd"), ("security-opt", "SecurityOpt"),
        ]
        for (option, key) in lists {
            extra += Self.strings(host?[key]).map { "PodmanArgs=--\(option)=\(Self.quoted($0))" }
        }
        for device in host?["Devices"]?.array ?? [] where host?["Privileged"]?.bool != true {
            let words = ["PathOnHost", "PathInContainer"].map { device[$0]?.string ?? "" }
            let rights = device["CgroupPermissions"]?.string ?? ""
            let text = (words + (rights.isEmpty ? [] : [rights])).joined(separator: ":")
            extra.append("PodmanArgs=--device=\(Self.quoted(text))")
        }
        for (option, key) in [("pid", "PidMode"), ("ipc", "IpcMode"), ("uts", "UTSMode")]
        where host?[key]?.string == "host" {
            extra.append("PodmanArgs=--\(option)=host")
        }
        if let names = host?["CpusetCpus"]?.string, !names.isEmpty {
            extra.append("PodmanArgs=--cpuset-cpus=\(Self.quoted(names))")
        }
        let hostName = config?["Hostname"]?.string ?? ""
        if !hostName.isEmpty, !(inspected["Id"]?.string ?? "").hasPrefix(hostName), !sharesNames {
            extra.append("PodmanArgs=--hostname=\(Self.quoted(hostName))")
        }
        if config?["Tty"]?.bool == true { extra.append("PodmanArgs=--tty") }
        if config?["OpenStdin"]?.bool == true { extra.append("PodmanArgs=--interactive") }
    }

    /// Whether the host's name is its own.
    private var sharesNames: Bool { ["NetworkMode", "UTSMode"].contains { host?[$0]?.string == "host" } }

    /// What is neither a key nor an option here, by its name.
    private mutating func reportOthers() {
        if let check = config?["Healthcheck"], check != .null, check != image["Config"]?["Healthcheck"] ?? .null,
            check != image["Healthcheck"] ?? .null
        {
            omit("health check", "it is not copied: write HealthCmd= into a quadlet")
        }
        if let timeout = config?["StopTimeout"]?.integer, timeout != 10 {
            extra.append("PodmanArgs=--stop-timeout=\(timeout)")
        }
        for secret in config?["Secrets"]?.array ?? [] {
            omit("secret \(secret["Name"]?.string ?? "")", "secrets stay behind: make it anew and name it in a quadlet")
        }
        for option in unknownOptions() { omit(option, "this option is not copied: write it into a quadlet") }
        if config?["CreateCommand"] == nil {
            for key in ["Ulimits", "Sysctls", "UsernsMode", "Links", "VolumesFrom"] {
                switch host?[key] {
                case nil, .null, "", .array([]), .object([:]): break
                default: omit(key, "this is not copied: write it into a quadlet")
                }
            }
        }
    }
}

// MARK: - The command

extension InspectedContainer {
    /// The words of podman's command that stand before the image; none where the API or docker made it.
    private var commandOptions: ArraySlice<String> {
        let words = Self.strings(config?["CreateCommand"])
        let names = [config?["Image"]?.string, inspected["ImageName"]?.string]
        guard let start = words.firstIndex(where: { ["create", "run"].contains($0) }) else { return [] }
        return words[(start + 1)...].prefix { !names.contains($0) }
    }

    /// Options that are read from what they made, or mean nothing for a container that systemd runs.
    private static let knownOptions: Set = [
        "--add-host", "--arch", "--attach", "--authfile", "--cap-add", "--cap-drop",
        "--cidfile", "--conmon-pidfile", "--cpu-period", "--cpu-quota", "--cpu-shares", "--cpus",
        "--cpuset-cpus", "--detach", "--device", "--dns", "--dns-option", "--dns-search", "--entrypoint", "--env",
        "--env-file", "--group-add", "--health-cmd", "--health-interval", "--health-retries", "--health-start-period",
        "--health-timeout", "--hostname", "--init", "--interactive", "--ipc", "--label", "--label-file", "--memory",
        "--memory-reservation", "--memory-swap", "--mount", "--name", "--net", "--network", "--network-alias",
        "--no-healthcheck", "--oom-score-adj", "--os", "--pid", "--pidfile", "--pids-limit", "--platform", "--pod",
        "--privileged", "--publish", "--publish-all", "--pull", "--quiet", "--read-only", "--replace", "--restart",
        "--sdnotify", "--secret", "--security-opt", "--shm-size", "--stop-timeout", "--tls-verify", "--tmpfs", "--tty",
        "--unsetenv", "--user", "--uts", "--variant", "--volume", "--workdir",
        "-P", "-a", "-c", "-d", "-e", "-h", "-i", "-l", "-m", "-p", "-q", "-t", "-u", "-v", "-w",
    ]

    private func unknownOptions() -> [String] {
        let names = commandOptions.filter { $0.hasPrefix("-") && $0.utf8.count > 1 }.map { word in
            // `-it` and `-p80:80` are by their first letter.
            word.hasPrefix("--")
                ? String(decoding: word.utf8.prefix { $0 != UInt8(ascii: "=") }, as: UTF8.self) : String(word.prefix(2))
        }
        return names.filter { !Self.knownOptions.contains($0) }.unique
    }
}

// MARK: - Texts

extension InspectedContainer {
    /// Docker's names have a slash before them.
    private static func plain(_ name: String) -> String { name.hasPrefix("/") ? String(name.dropFirst()) : name }

    /// The name as a unit's: compose has `app_web_1`.
    private static func unitName(_ name: String) -> String {
        let bytes = plain(name).utf8.map { byte -> UInt8 in
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte + 32
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): byte
            default: UInt8(ascii: "-")
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Docker's short names are its own registry's.
    private static func fullName(_ name: String) -> String {
        let words = parts(of: name, at: "/")
        guard words.count > 1 else { return "docker.io/library/\(name)" }
        let isRegistry = words[0] == "localhost" || words[0].utf8.contains { ".:".utf8.contains($0) }
        return isRegistry ? name : "docker.io/\(name)"
    }

    private static func strings(_ value: JSONValue?) -> [String] {
        if let text = value?.string { return text.isEmpty ? [] : [text] }
        return (value?.array ?? []).compactMap(\.string)
    }

    /// A value in which systemd is to see neither specifiers nor variables.
    private static func literal(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            if "%$".unicodeScalars.contains(scalar) { result.unicodeScalars.append(scalar) }
            result.unicodeScalars.append(scalar)
        }
        return result
    }

    /// A word as systemd reads it.
    private static func quoted(_ text: String) -> String { quoted(text, always: false) }

    private static func quoted(_ text: String, always: Bool) -> String {
        let plain = text.utf8.allSatisfy {
            (0x30...0x39).contains($0) || (0x41...0x5A).contains($0 & 0xDF) || "/._:=,@+-%$".utf8.contains($0)
        }
        if plain, !text.isEmpty, !always { return literal(text) }
        var result = ""
        for scalar in literal(text).unicodeScalars {
            if scalar == "\"" || scalar == "\\" { result += "\\" }
            result.unicodeScalars.append(scalar)
        }
        return "\"\(result)\""
    }
}

/// Whether a value has what no line of a unit can have.
private func hasControls(_ text: String) -> Bool { text.utf8.contains { $0 < 0x20 || $0 == 0x7F } }

private func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

private func isWord(_ text: String, and others: String = "") -> Bool {
    text.utf8.allSatisfy {
        isDigit($0) || (0x41...0x5A).contains($0 & 0xDF) || $0 == UInt8(ascii: "_") || others.utf8.contains($0)
    }
}

private func isHexadecimal(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte) }
