import BlueprintModel
import Glibc
import LinuxSystem
import PiscesTesting
import Testing

extension SystemTests {
    /// What is too large for memory goes the whole way: copied, constructed, sealed, and copied again.
    @Suite struct LargeFilesTests {
        private let site: Site
        private let places = ["usr/local/bin/tool", "usr/local/share/disk"]

        init() throws { site = try Site.shared.get() }

        /// Runs `pisces` to its end; gives what it said, and the most memory that it or one of its own processes had.
        ///
        /// Python starts it: of a child of this process, the kernel counts also what this one had (exec(2) takes the
        /// largest size of the memory that vfork(2) lent).
        private func measure(_ arguments: [String], cache: String) throws -> (output: String, bytes: Int) {
            try makeDirectories(cache)
            let script = """
                import resource, subprocess, sys
                status = subprocess.call(sys.argv[2:], stdout=open(sys.argv[1] + "/said", "w"), \
                stderr=open(sys.argv[1] + "/errors", "w"))
                print(status, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
                """
            let environment = networkEnvironment.merging([
                "HOME": "/nowhere", "XDG_CACHE_HOME": cache, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            ]) { $1 }
            let words = ["python3", "-c", script, cache, builtProgram("pisces")] + arguments
            let result = try runTool(words, environment, nil)
            let numbers = String(decoding: result.output, as: UTF8.self).split(whereSeparator: \.isWhitespace)
                .compactMap { Int($0) }
            let errors = try fileText("\(cache)/errors")
            #expect(numbers.first == 0, "\(arguments): \(errors)")
            let kilobytes = try #require(numbers.count == 2 ? numbers[1] : nil)
            return (try fileText("\(cache)/said"), kilobytes << 10)
        }

        /// A tree with a program of 40 MiB, and a disk of a gibibyte that is nearly empty.
        private func tree(_ name: String) throws -> String {
            let tree = "\(site.scratch)/\(name)/tree"
            try makeDirectories(parentDirectory(of: tree))
            try run("cp", "-a", "\(site.folder.path)/out/tree", tree)
            try run(
                "sh", "-ec",
                """
                cd '\(tree)/usr/local'
                head -c 3M /dev/urandom > bin/tool; head -c 37M /dev/zero >> bin/tool; echo end >> bin/tool
                chmod 755 bin/tool; mkdir -p share
                truncate -s 1G share/disk; echo middle | dd of=share/disk bs=1M seek=500 conv=notrunc status=none
                """)
            return tree
        }

        private func digest(_ tree: String) throws -> String? {
            let said = try run(builtProgram("pisces"), "copy", "--root", tree, "--name", "node", "--json")
            let answer = try JSONValue(parsing: Array(said.utf8), file: "answer")
            let disk = answer["blueprint"]?["files"]?["/usr/local/share/disk"]?["stored"]
            #expect(disk?["size"] == .integer(1 << 30) && disk?["sha256"]?.string?.utf8.count == 64)
            return answer["digest"]?.string
        }

        /// The same bytes at both places, and no more room than they need.
        private func expectSame(_ tree: String, _ other: String) throws {
            for place in places {
                #expect(try run("sh", "-c", "cmp '\(tree)/\(place)' '\(other)/\(place)' || true") == "")
            }
            let blocks = try run("stat", "-c", "%b", "\(other)/\(places[1])")
            #expect(Int(blocks.filter(\.isNumber)).map { $0 * 512 < 8 << 20 } == true, "\(blocks)")
        }

        @Test(.enabled(if: isRoot, "changes a tree")) func largeFilesGoTheWholeWay() throws {
            let tree = try tree("large")
            let folder = try site.makeFolder("large-copy", isLocked: false)
            let (blueprint, seal) = (folder.blueprint, "\(folder.path)/node.seal")
            let options = ["--store", Site.warmStore] + site.mirror
            let copied = try measure(
                ["copy", "--root", tree, "--name", "node", "--output", blueprint, "--seal", seal] + options,
                cache: folder.cache)
            #expect(copied.output == "\(blueprint)\n\(seal)\n")
            // Far less than the disk has, and more than anything else takes.
            #expect(copied.bytes < 400 << 20, "\(copied.bytes)")
            try expectSame(tree, "\(folder.path)/Blueprints/node.files")
            let wanted = try digest(tree)
            #expect(wanted != nil)
            for (name, input) in [("plain", blueprint), ("sealed", seal)] {
                let output = "\(folder.path)/out/\(name)"
                let elsewhere = "\(folder.path)/\(name)-cache"
                let store = name == "plain" ? ["--store", Site.warmStore] : []
                let built = try measure(
                    ["construct", input, "-o", "directory:\(output)", "--offline"] + store, cache: elsewhere)
                #expect(built.bytes < 700 << 20, "\(name): \(built.bytes)")
                try expectSame(tree, output)
                #expect(try run("stat", "-c", "%a", "\(output)/\(places[0])") == "755\n")
                #expect(try digest(output) == wanted)
                try removeTree(output)
            }
            let drift = try piscesCommand(["diff", "--running", blueprint, "--root", tree, "--quiet"]).outcome()
            #expect(!drift.output.contains("/usr/local"), "\(drift.output)")
            try run("sh", "-c", "echo more >> '\(tree)/\(places[0])'")
            let changed = try piscesCommand(["diff", "--running", blueprint, "--root", tree, "--quiet"]).outcome()
            #expect(changed.output.contains("~ files./usr/local/bin/tool.stored.sha256: "), "\(changed.output)")
        }

        // MARK: - What goes wrong

        /// A system with a large file and nothing else.
        private func smallRoot(_ name: String) throws -> String {
            let root = "\(site.scratch)/\(name)"
            for folder in ["etc", "var/lib/dpkg", "usr/local/bin"] { try makeDirectories("\(root)/\(folder)") }
            try write("ID=debian\nVERSION_CODENAME=trixie\n", to: "\(root)/etc/os-release")
            try write(
                "Package: dpkg\nStatus: install ok installed\nEssential: yes\nArchitecture: amd64\nVersion: 1\n",
                to: "\(root)/var/lib/dpkg/status")
            try run(
                "sh", "-c", "(yes | head -c 1M; head -c 39M /dev/zero; echo end) > '\(root)/\(places[0])'")
            return root
        }

        @Test func aFullDiskKeepsNothing() throws {
            let root = try smallRoot("full")
            let small = "\(site.scratch)/small"
            try makeDirectories(small)
            // Bytes that are no zeros: nothing is written for those.
            try run(
                "sh", "-ec", "cd '\(root)'; tr '\\0' z < \(places[0]) | head -c 8M > x; mv x \(places[0])")
            let script = """
                cd '\(small)'
                '\(builtProgram("pisces"))' copy --root '\(root)' --name node --no-lock --quiet -o node.yaml 2>&1
                echo "status $?"; sleep 1; ls -A '\(small)'
                """
            let said = try Workshop.command(
                ["sh", "-c", script], mounting: [.init(directory: small, sizeBytes: 6 << 20)],
                helper: builtProgram("pisces-enter")
            ).run(accepting: 0...255).text
            #expect(said.contains("error: ") && said.contains("No space left on device"), "\(said)")
            #expect(said.contains("to mend it: free some space there, or name a place that takes"), "\(said)")
            #expect(said.hasSuffix("\nstatus 1\n"), "\(said)")
        }

        @Test func whatChangesIsLeftOutByName() throws {
            let root = try smallRoot("changing")
            let script = """
                while :; do date +%N | dd of='\(root)/\(places[0])' bs=1 conv=notrunc status=none; done & writer=$!
                '\(builtProgram("pisces"))' copy --root '\(root)' --name node --no-lock -o '\(root).yaml'
                status=$?; kill $writer; exit $status
                """
            let outcome = try Command("sh", ["-c", script]).outcome()
            #expect(outcome.status == .exited(0), "\(outcome.errors)")
            #expect(outcome.errors.contains("left out: files: /usr/local/bin/tool: it changed"), "\(outcome.errors)")
            #expect(try !fileText("\(root).yaml").contains("tool"))
        }

        /// One whose digest is taken already, when its contents are not written yet.
        @Test func whatChangesBeforeItIsWrittenIsLeftOutToo() throws {
            let root = try smallRoot("later")
            let folder = "\(site.scratch)/later-copy"
            try makeDirectories(folder)
            // To read that one takes a while.
            try run("truncate", "-s", "2G", "\(root)/usr/local/bin/first")
            let script = """
                cd '\(folder)'
                (until ls -d *.partial-* > later-said 2>&1; do :; done; echo more >> '\(root)/\(places[0])') &
                '\(builtProgram("pisces"))' copy --root '\(root)' --name node --no-lock -o node.yaml
                """
            let outcome = try Command("sh", ["-c", script]).outcome()
            #expect(outcome.status == .exited(0), "\(outcome.errors)")
            let reason = "its size changed while it was copied"
            #expect(outcome.errors.contains("left out: files: /usr/local/bin/tool: \(reason)"), "\(outcome.errors)")
            let found = try run("sh", "-c", "cd '\(folder)'; find . -type f | sort")
            #expect(found == "./later-said\n./node.files/usr/local/bin/first\n./node.yaml\n")
            #expect(try !fileText("\(folder)/node.yaml").contains("tool"))
        }

        @Test func onStandardOutputLargeContentsAreNone() throws {
            let root = try smallRoot("alone")
            let outcome = try piscesCommand(["copy", "--root", root, "--name", "node", "--quiet"]).outcome()
            #expect(outcome.status == .exited(1) && outcome.output.isEmpty)
            #expect(outcome.errors.contains("to mend it: name a file by --output"), "\(outcome.errors)")
        }
    }
}
