import Archive
import ContentStore
import Debian
import LinuxSystem

/// Gives packages to unpack: those of the store, or rather their decompressed copies where there is a cache, since
/// decompressing is most of the work of unpacking.
struct PackageSource {
    let store: ObjectStore
    let cache: BuildCache?

    /// Opens a package; its bytes are those of the lock's digest, decompressed or not. To have its payload read, it is
    /// decompressed into the cache first.
    @Sendable func open(_ package: LockedPackage) throws -> DebFile {
        if let deb = try openDecompressed(package) { return deb }
        let deb = try openCompressed(package)
        guard let cache else { return deb }
        do {
            return try DebFile(
                try cache.store(Self.key(of: package)) { try deb.decompress(to: $0) }, name: package.name)
        } catch is SystemError {
            // A cache that is full or out of order costs time only.
            return deb
        }
    }

    /// Opens a package as it is, to have its control archive read.
    @Sendable func openAsIs(_ package: LockedPackage) throws -> DebFile {
        try openDecompressed(package) ?? openCompressed(package)
    }

    private func openDecompressed(_ package: LockedPackage) throws -> DebFile? {
        guard let file = cache?.open(Self.key(of: package)) else { return nil }
        return try DebFile(file, name: package.name)
    }

    private static func key(of package: LockedPackage) -> Digest {
        SHA256.hash(Array("decompressed package 1 \(package.digest)".utf8))
    }

    private func openCompressed(_ package: LockedPackage) throws -> DebFile {
        do {
            guard let descriptor = try store.open(package.digest) else {
                throw ConstructorError(
                    "package \(package.name) \(package.version) is not in the store",
                    hint: "fetch it: run without --offline")
            }
            return try DebFile(descriptor, name: package.name)
        } catch let error as StoreError {
            throw ConstructorError("package \(package.name) \(package.version): \(error)")
        }
    }
}
