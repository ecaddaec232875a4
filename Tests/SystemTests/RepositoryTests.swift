import Glibc
import LinuxSystem
import PiscesTesting
import Testing

/// What packages and repositories can be wrong in, as apt and its verifier see it, in words for people.
extension SystemTests {
    @Suite struct RepositoryTests {
        private let site: Site

        init() throws { site = try Site.shared.get() }

        private func expectNoLock(_ folder: Folder, _ words: [String]) throws {
            let outcome = try folder.construct(site.mirror).outcome()
            #expect(outcome.status == .exited(1))
            for word in words { #expect(outcome.errors.contains(word), "\(outcome.errors)") }
            #expect(access(folder.lock, F_OK) != 0)
            #expect(try folder.outputs() == [])
        }

        @Test func packagesThatConflictAreNamedWithAptsReason() throws {
            let folder = try site.makeFolder(
                "conflict", blueprint: nodeBlueprint.replacing("- tzdata", with: "- frobnicator\n    - grommet"),
                isLocked: false)
            try makePackage("frobnicator", "Architecture: all\nConflicts: grommet\n", in: "\(folder.path)/deb")
            try makePackage("grommet", "Architecture: all\n", in: "\(folder.path)/deb")
            try expectNoLock(
                folder,
                [
                    "the packages do not go together", "frobnicator : Conflicts: grommet",
                    "Leave out one of those that conflict",
                ])
        }

        @Test func packageThatNeedsWhatNobodyHasIsNamed() throws {
            let folder = try site.makeFolder(
                "unmet", blueprint: nodeBlueprint.replacing("- tzdata", with: "- frobnicator"), isLocked: false)
            try makePackage("frobnicator", "Architecture: all\nDepends: grommet (>= 2)\n", in: "\(folder.path)/deb")
            try expectNoLock(
                folder, ["frobnicator : Depends: grommet (>= 2)", "add the repository that has what is missing"])
        }

        @Test func expiredReleaseFileIsRefused() throws {
            let folder = try folderWithRepository("expired", validUntil: "Thu, 02 Jan 2020 00:00:00 UTC")
            try expectNoLock(
                folder,
                [
                    "the release file of the repository 'vendor' (file://\(folder.path)/vendor) is not valid at this time",
                    "expired", "Check this machine's clock",
                ])
        }

        @Test func releaseFileSignedByAnotherKeyIsRefused() throws {
            let folder = try folderWithRepository("foreign-key")
            // The control: with the right key there is a lock.
            let outcome = try folder.command("lock", site.mirror).outcome()
            #expect(outcome.status == .exited(0), "\(outcome.errors)")
            try removeTree(folder.lock)
            try run("cp", "\(folder.path)/Blueprints/other.gpg", "\(folder.path)/Blueprints/vendor.gpg")
            try expectNoLock(
                folder,
                [
                    "the repository 'vendor' (file://\(folder.path)/vendor) is not signed by a key of its keyring",
                    "Use the one the publisher of the repository gives out",
                ])
        }

        @Test func keyringThatIsNoneIsRefused() throws {
            let folder = try folderWithRepository("no-key")
            try write("no key\n", to: "\(folder.path)/Blueprints/vendor.gpg")
            try expectNoLock(folder, ["the repository 'vendor'", "is not signed by a key of its keyring"])
        }

        /// A folder whose blueprint names a signed repository, of which it takes nothing; `other.gpg` has not signed it.
        private func folderWithRepository(_ name: String, validUntil: String? = nil) throws -> Folder {
            let folder = try site.makeFolder("repository-\(name)", isLocked: false)
            let archive = "{ uri: \"file://\(folder.path)/vendor\", suites: [./], signed-by: vendor.gpg }"
            try write(
                nodeBlueprint.replacing("repositories:\n", with: "repositories:\n  vendor: \(archive)\n"),
                to: folder.blueprint)
            let script = """
                mkdir -p vendor gnupg
                chmod 700 gnupg
                export GNUPGHOME=$PWD/gnupg
                trap 'gpgconf --kill all' EXIT
                gpg() { command gpg --batch --quiet --pinentry-mode loopback --passphrase '' "$@"; }
                for key in vendor other; do
                    gpg --quick-generate-key $key@pisces.invalid ed25519 sign never
                    gpg --export $key@pisces.invalid > Blueprints/$key.gpg
                done
                cd vendor
                printf 'Package: %s\\n' grommet > Packages
                printf '%s\\n' 'Version: 1' 'Architecture: all' 'Filename: ./g.deb' 'Size: 1' >> Packages
                {
                    echo 'Origin: Vendor'
                    echo 'Date: Wed, 01 Jan 2020 00:00:00 UTC'
                    \(validUntil.map { "echo 'Valid-Until: \($0)'" } ?? ":")
                    echo 'SHA256:'
                    echo " $(sha256sum < Packages | cut -d ' ' -f 1) $(stat -c %s Packages) Packages"
                } > Release
                gpg --local-user vendor@pisces.invalid --clearsign --output InRelease Release
                """
            try run("env", "--chdir", folder.path, "sh", "-euc", script)
            return folder
        }
    }
}
