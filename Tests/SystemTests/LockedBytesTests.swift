import Debian
import Glibc
import LinuxSystem
import PiscesTesting
import Testing

/// Only locked bytes enter a build: whatever else is offered is refused by name, with what to do.
extension SystemTests {
    @Suite struct LockedBytesTests {
        private let site: Site

        init() throws { site = try Site.shared.get() }

        private func tzdata() throws -> LockedPackage {
            let lock = try Lock(parsing: Array(try fileText(site.folder.lock).utf8), file: "lock")
            return try #require(lock.packages.first { $0.name == "tzdata" })
        }

        /// Changes one byte of a file, in a copy where it is a link.
        private func damage(_ path: String) throws {
            var bytes = try Descriptor.open(path).readToEnd()
            bytes[bytes.count / 2] ^= 1
            try AtomicFile.write(bytes, to: path)
        }

        private func expectRefusal(_ outcome: Outcome, _ folder: Folder, _ words: [String]) throws {
            #expect(outcome.status == .exited(1))
            for word in words { #expect(outcome.errors.contains(word), "\(outcome.errors)") }
            #expect(try folder.outputs() == [])
        }

        /// The lock's own mirror is out of reach, so that the copy counts alone.
        private func lockWithoutMirror(_ folder: Folder) throws {
            try folder.editLock { lines in
                for line in lines.indices where lines[line].hasPrefix("URI: ") { lines[line] = "URI: file:/nowhere" }
            }
        }

        @Test func packageThatChangedInTheStoreIsRefusedAndSetAside() throws {
            let folder = try site.makeFolder("changed-in-store")
            // Nothing but the store is wanted.
            _ = try folder.construct(site.mirror).interrupt(during: "unpack packages", after: "fetch packages") {
                kill(-$0, SIGINT)
            }
            let package = try tzdata()
            let object = "\(folder.store)/sha256/\(package.digest.hex.prefix(2))/\(package.digest.hex)"
            try damage(object)
            let outcome = try folder.construct(["--offline"]).outcome()
            try expectRefusal(outcome, folder, ["package tzdata \(package.version)", "was damaged", "Fetch it again"])
            let missing = try folder.construct(["--offline"]).outcome()
            try expectRefusal(missing, folder, ["lacks:\n  tzdata \(package.version)"])
            #expect(missing.errorLines.filter { $0.contains("SHA-256") }.count == 1)
        }

        @Test func packageThatChangedOnTheMirrorIsRefused() throws {
            let folder = try site.makeFolder("changed-on-mirror")
            try lockWithoutMirror(folder)
            let mirror = try site.copyOfMirror("mirror-changed")
            let package = try tzdata()
            try damage("\(mirror)/debian/\(package.filename)")
            let outcome = try folder.construct(site.mirror(at: mirror)).outcome()
            try expectRefusal(
                outcome, folder,
                [
                    "tzdata \(package.version): file:\(mirror)/debian/\(package.filename): wanted SHA-256 \(package.digest)"
                ])
        }

        @Test func packageThatIsGoneIsNamedWithTheWayOn() throws {
            let folder = try site.makeFolder("gone")
            try lockWithoutMirror(folder)
            let mirror = try site.copyOfMirror("mirror-gone")
            let package = try tzdata()
            try removeTree("\(mirror)/debian/\(package.filename)")
            let outcome = try folder.construct(site.mirror(at: mirror)).outcome()
            try expectRefusal(
                outcome, folder, ["tzdata \(package.version): ", "/nowhere/", "No such file", "pisces lock --update"])
        }

        @Test func coldStoreOfflineListsAllThatIsMissing() throws {
            let folder = try site.makeFolder("offline")
            let outcome = try folder.construct(["--offline"]).outcome()
            try expectRefusal(
                outcome, folder, ["offline, and the content store lacks", "Fetch these once with a network"])
            let lock = try Lock(parsing: Array(try fileText(folder.lock).utf8), file: "lock")
            // Only the end of a long message is kept.
            for package in lock.packages.suffix(20) {
                #expect(outcome.errors.contains("  \(package.name) \(package.version) (\(package.size) bytes"))
            }
        }

        @Test func repositoryThatCameAfterTheLockIsRefused() throws {
            let blueprint = nodeBlueprint.replacing(
                "repositories:\n", with: "repositories:\n  late: { directory: ../deb }\n")
            let folder = try site.makeFolder("late-repository", blueprint: blueprint)
            let outcome = try folder.construct(["--offline"]).outcome()
            try expectRefusal(
                outcome, folder, ["the lock is not of this blueprint", "repository late", "run `pisces lock`"])
        }

        @Test func changedReleaseFileIsRefused() throws {
            let folder = try site.makeFolder("release-changed", isLocked: false)
            let mirror = try site.copyOfMirror("mirror-release")
            let release = "\(mirror)/debian/dists/trixie/InRelease"
            try write(try fileText(release).replacing("Origin: Debian", with: "Origin: Debien"), to: release)
            let outcome = try folder.command("lock", site.mirror(at: mirror)).outcome()
            try expectRefusal(
                outcome, folder, ["Debian's archive (file:\(mirror)/debian)", "was changed on the way", "keyring"])
            #expect(access(folder.lock, F_OK) != 0)
        }

        @Test func packageListThatTheReleaseFileDoesNotVouchForIsRefused() throws {
            let folder = try site.makeFolder("list-changed", isLocked: false)
            let mirror = try site.copyOfMirror("mirror-list")
            try damage("\(mirror)/debian/dists/trixie/main/binary-amd64/Packages.xz")
            let outcome = try folder.command("lock", site.mirror(at: mirror)).outcome()
            try expectRefusal(outcome, folder, ["Debian's archive (file:\(mirror)/debian)", "Hash Sum mismatch"])
            #expect(access(folder.lock, F_OK) != 0)
        }
    }
}
