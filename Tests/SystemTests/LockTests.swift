import Debian
import Glibc
import LinuxSystem
import PiscesTesting
import Testing

extension SystemTests {
    @Suite struct LockTests {
        private let site: Site

        init() throws { site = try Site.shared.get() }

        private func parsed(_ folder: Folder) throws -> Lock {
            try Lock(parsing: Array(try fileText(folder.lock).utf8), file: folder.lock)
        }

        @Test func constructionCompletesTheLockWithTheNumbersOfUsers() throws {
            let first = try Lock(parsing: Array(site.firstLock.utf8), file: "lock")
            #expect(first.users.isEmpty && first.groups.isEmpty)
            var completed = try parsed(site.folder)
            #expect(Set(["carol", "meter", "sshd"]).isSubset(of: completed.users.keys))
            #expect(Set(["meters", "carol", "_ssh"]).isSubset(of: completed.groups.keys))
            // Those have the numbers that the blueprint gives.
            #expect(completed.users["alice"] == nil && completed.groups["operators"] == nil)
            (completed.users, completed.groups) = ([:], [:])
            #expect(completed == first)
        }

        /// One folder and one after another: what apt has read is not read again.
        @Test func lockIsWrittenKeptShownAndUpdated() throws {
            let folder = try site.makeFolder("lock", isLocked: false)
            func lock(_ options: String...) throws -> Outcome {
                try folder.command("lock", options + site.mirror).outcome()
            }
            let none = try lock("--diff")
            #expect(none.status == .exited(1))
            #expect(none.output.contains("packages: no lock yet"))
            #expect(access(folder.lock, F_OK) != 0)

            let written = try lock()
            #expect(written.status == .exited(0))
            #expect(written.errorLines.last == "wrote \(folder.lock)")

            let fits = try lock("--mirror", "http://127.0.0.1:1/")
            #expect(fits.status == .exited(0), "no mirror is asked")
            #expect(fits.errorLines == ["\(folder.lock) fits the blueprint; --update looks for newer packages"])

            let same = try lock("--diff")
            #expect(same.status == .exited(0) && same.output.isEmpty)

            let tzdata = try #require(try parsed(folder).packages.first { $0.name == "tzdata" })
            try folder.editLock { lines in
                guard let package = lines.firstIndex(of: "Package: tzdata") else { return }
                lines[package + 1] = "Version: 2020a-1"
                lines.append(contentsOf: ["User: carol", "Uid: 1234", "", "User: meter", "Uid: 777", ""])
            }
            let before = try fileText(folder.lock)
            let older = try lock("--diff")
            #expect(older.status == .exited(1))
            #expect(older.outputLines.first == "upgraded tzdata:all 2020a-1 → \(tzdata.version)", "\(older.output)")
            #expect(try fileText(folder.lock) == before)

            let updated = try lock("--update")
            #expect(updated.status == .exited(0))
            #expect(try parsed(folder).packages.first { $0.name == "tzdata" } == tzdata)
            #expect(try parsed(folder).users == ["carol": 1234, "meter": 777])

            // Two packages at versions that nobody has any more: the one that is named moves, the other is missed.
            let current = try parsed(folder)
            try folder.editLock { lines in
                guard let package = lines.firstIndex(of: "Package: tzdata") else { return }
                lines[package + 1] = "Version: 2020a-1"
            }
            let wrong = try lock("--update", "--package", "openssh-server")
            #expect(wrong.status == .exited(1))
            #expect(wrong.errors.contains("neither a repository nor the store has them: tzdata 2020a-1"))
            let moved = try lock("--update", "--package", "tzdata")
            #expect(moved.status == .exited(0), "\(moved.errors)")
            #expect(try parsed(folder) == current)
            let unknown = try lock("--update", "--package", "tzdate")
            #expect(unknown.status == .exited(1) && unknown.errors.contains("has no package tzdate"))
            #expect(try lock("--package", "tzdata").status == .exited(64))
        }

        @Test func lockedNumbersOfUsersAreThoseOfTheImage() throws {
            // Someone whose name comes first, and would take carol's number.
            let blueprint = nodeBlueprint.replacing("users:\n", with: "users:\n  aaron: {}\n")
            let folder = try site.makeFolder("numbers", blueprint: blueprint)
            let before = try parsed(folder)
            let updated = try folder.command("lock", ["--update"] + site.mirror).outcome()
            #expect(updated.status == .exited(0), "\(updated.errors)")
            let outcome = try folder.construct(site.mirror).outcome()
            #expect(outcome.status == .exited(0), "\(outcome.errors)")
            let after = try parsed(folder)
            #expect(after.users.filter { $0.key != "aaron" } == before.users)
            let aaron = try #require(after.users["aaron"])
            #expect(!before.users.values.contains(aaron))
            #expect(try rootFile("/etc/passwd", of: folder.output).contains("carol:x:\(before.users["carol"] ?? 0):"))
        }

        @Test func damagedLockIsRefusedWithItsPlace() throws {
            let folder = try site.makeFolder("damaged-lock")
            try folder.editLock { $0[3] = "Architecture" }
            for verb in ["lock", "construct"] {
                let outcome = try folder.command(verb, ["--offline"]).outcome()
                #expect(outcome.status == .exited(1))
                #expect(outcome.errors.contains("\(folder.lock):4"), "\(outcome.errors)")
            }
        }
    }
}
