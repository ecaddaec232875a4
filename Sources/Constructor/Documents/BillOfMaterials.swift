import BlueprintModel
import Debian
import Disk
import LinuxSystem

/// What a construction is made of, in no format yet: taken from the lock, so nothing is left to guess by scanning.
struct BillOfMaterials: Sendable {
    /// A package of the image.
    struct Component: Sendable {
        let locked: LockedPackage
        /// The source package that it was built from.
        let source: (name: String, version: String)
        /// Its package URL: unique in the bill.
        let purl: String
        /// Where it was fetched from; nil for a package of a local directory.
        let location: String?
        /// Whether Debian itself made it.
        let isDebian: Bool
        /// The places of the components that it needs.
        let dependencies: [Int]
    }

    /// A container image within the image.
    struct ContainerImage: Sendable {
        let locked: LockedImage
        /// Its package URL: unique in the bill.
        let purl: String
    }

    /// The blueprint's name.
    let name: String
    let lock: Lock
    let components: [Component]
    let containerImages: [ContainerImage]
    /// The generation's artefacts; none where the construction made no disk.
    let artefacts: [ImageBuilder.Artefact]

    /// Takes what the lock does not tell from the packages' control paragraphs, in any order; those of packages that
    /// are not in the lock do not count.
    init(
        blueprint: Blueprint, lock: Lock, controls: [Deb822.Stanza], artefacts: [ImageBuilder.Artefact]
    ) throws {
        name = blueprint.name
        self.lock = lock
        self.artefacts = artefacts
        containerImages = lock.images.map {
            ContainerImage(locked: $0, purl: packageURL(of: $0, architecture: lock.architecture))
        }
        let found = Dictionary(controls.map { ("\($0["Package"] ?? ""):\($0["Architecture"] ?? "")", $0) }) { $1 }
        let packages = lock.packages
        let ordered = try packages.map { package in
            guard let control = found["\(package.name):\(package.architecture)"],
                control["Version"].flatMap({ DebianVersion($0) }) == package.version
            else { throw ConstructorError("\(package.name) \(package.version) is locked, but not installed") }
            return control
        }
        let dependencies = try DpkgDatabase.dependencies(of: ordered)
        components = packages.indices.map { index in
            let package = packages[index]
            let source = DpkgDatabase.source(of: ordered[index])
            let release = lock.releases.first { package.source == .release($0.name) }
            let isDebian = release.map { !$0.name.contains("/") } ?? false
            return Component(
                locked: package, source: source,
                purl: packageURL(
                    of: package, owner: isDebian ? "debian" : repository(of: package), source: source,
                    distribution: isDebian ? blueprint.distribution.debian.rawValue : nil),
                location: release.map { ($0.uri.hasSuffix("/") ? $0.uri : $0.uri + "/") + package.filename },
                isDebian: isDebian, dependencies: dependencies[index])
        }
    }

    /// A UUID that only this construction's document of a kind has.
    func uuid(_ kind: String) -> String {
        let seed = lock.digest.bytes + artefacts.flatMap(\.digest.bytes)
        return GUID.derived(from: seed, name: kind).description.lowercased()
    }

    /// The lock's time: when a package was published last, not when somebody built.
    var created: String { Timestamp.text(lock.epoch) }

    /// What built it: name and version, in the order of names.
    var tools: [(name: String, version: String)] {
        lock.tools.sorted { bytesPrecede($0.key, $1.key) }.map { ($0.key, $0.value) }
    }
}

/// The repository of the blueprint that a package comes from; its releases have its name before a slash.
private func repository(of package: LockedPackage) -> String {
    switch package.source {
    case .directory(let name): name
    case .release(let name): String(name.prefix { $0 != "/" })
    case .system(let origin): origin.rawValue
    }
}

/// The package URL of a Debian package (purl specification, type `deb`). `upstream` names the source package where its
/// name or version differs: that is what security trackers speak of.
private func packageURL(
    of package: LockedPackage, owner: String, source: (name: String, version: String), distribution: String?
) -> String {
    var qualifiers = [("arch", package.architecture)]
    if let distribution { qualifiers.append(("distro", distribution)) }
    let version = package.version.description
    if source.version != version {
        qualifiers.append(("upstream", "\(source.name)@\(source.version)"))
    } else if source.name != package.name {
        qualifiers.append(("upstream", source.name))
    }
    let query = qualifiers.map { "\($0.0)=\(percentEncoded($0.1))" }.joined(separator: "&")
    return "pkg:deb/\(percentEncoded(owner.lowercased()))/\(percentEncoded(package.name))@\(percentEncoded(version))"
        + "?\(query)"
}

/// The package URL of a container image (purl specification, type `oci`).
private func packageURL(of image: LockedImage, architecture: String) -> String {
    guard let reference = ImageReference(image.reference) else { return image.reference }
    let path = reference.repository
    let name = path.split(separator: "/").last.map(String.init) ?? path
    var qualifiers = ["arch=\(architecture)"]
    if !reference.isLocal { qualifiers.append("repository_url=\(percentEncoded(path))") }
    if let tag = reference.tag { qualifiers.append("tag=\(percentEncoded(tag))") }
    let version = percentEncoded("sha256:\(image.digest)").replacing(":", with: "%3A")
    return "pkg:oci/\(percentEncoded(name))@\(version)?\(qualifiers.joined(separator: "&"))"
}

/// All but letters, digits and `.-_~:` as `%2B` (purl specification, "Character encoding").
private func percentEncoded(_ text: String) -> String {
    text.utf8.map { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"),
            UInt8(ascii: "~"), UInt8(ascii: ":"):
            String(Unicode.Scalar(byte))
        default: "%" + [byte].hex.uppercased()
        }
    }.joined()
}
