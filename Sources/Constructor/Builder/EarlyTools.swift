import ContentStore
import Debian
import Filesystems
import LinuxSystem

/// Programs that postinst scripts run for seconds over nothing but files that packages ship. They run as soon as those
/// files are there, beside dpkg, or their results come from the cache.
///
/// The scripts find a stand-in of the same name first on their PATH. It waits for the result, and is content with it
/// if it was called with the same arguments over the same files; else it runs the program.
struct EarlyTools: Sendable {
    let root: StagedRoot
    /// The directory that programs in the root see at ``scratchInRoot``.
    let scratch: StagedRoot
    let packages: [UnpackedPackage]
    let epoch: Int64
    let inRoot: ToolRunner
    let cache: BuildCache?

    /// A call of a program.
    struct Call: Equatable {
        /// The path of the program, without a leading slash.
        var program: String
        var arguments: [String]
        /// The directory with all that it reads.
        var input: String
        /// Names in that directory, or beside it, that begin with this are what it writes.
        var output: String
        /// The packages that its results depend on, besides those that ship its input.
        var packages: [String]

        var name: String { program.split(separator: "/").last.map(String.init) ?? program }
    }

    /// Where the scripts find the stand-ins.
    static let path = "\(scratchInRoot)/early"

    /// The calls that the packages will make, in the order in which the results are waited for.
    var calls: [Call] {
        var calls: [Call] = []
        if root.exists("usr/bin/systemd-hwdb"), root.exists("usr/lib/udev/hwdb.d") {
            calls.append(
                Call(
                    program: "usr/bin/systemd-hwdb", arguments: ["--usr", "update"], input: "usr/lib/udev/hwdb.d",
                    output: "usr/lib/udev/hwdb.bin", packages: ["udev", "systemd", "libsystemd-shared"]))
        }
        let versions = (try? root.directory.openInRoot("usr/lib/modules").entries()) ?? []
        if versions.count == 1, root.exists("usr/sbin/depmod") {
            calls.append(
                Call(
                    program: "usr/sbin/depmod", arguments: versions, input: "usr/lib/modules/\(versions[0])",
                    output: "usr/lib/modules/\(versions[0])/modules.", packages: ["kmod", "libkmod2"]))
        }
        return calls
    }

    /// Writes the stand-ins.
    func prepare(_ calls: [Call]) throws {
        for call in calls {
            try scratch.write(
                """
                #!/bin/sh
                if [ "$*" = "\(call.arguments.joined(separator: " "))" ]; then
                    until [ -e \(Self.path)/\(call.name).ended ]; do sleep 0.02; done
                    \(Self.listing(of: call)) | cmp -s - \(Self.path)/\(call.name).input && exit
                fi
                exec /\(call.program) "$@"

                """, to: "early/\(call.name)", mode: 0o755)
        }
    }

    /// Makes the results. A failure is the script's to meet: its stand-in runs the program then.
    func run(_ calls: [Call]) {
        for call in calls {
            try? run(call)
            try? scratch.write("", to: "early/\(call.name).ended")
        }
    }

    private func run(_ call: Call) throws {
        let shipped = Set(packages.flatMap(\.paths))
        let results = call.output
        let key = key(of: call)
        var script = "\(Self.listing(of: call)) > \(Self.path)/\(call.name).list\n"
        if let cached = cache?.open(key) {
            try root.restore(cached, name: call.name)
        } else {
            script += "/\(call.program) \(call.arguments.joined(separator: " "))\n"
        }
        // The list has its name once all is well.
        script +=
            "mv \(Self.path)/\(call.name).list \(Self.path)/\(call.name).input; : > \(Self.path)/\(call.name).ended"
        let result = try inRoot(["sh", "-ec", script], Configure.environment(epoch: epoch), nil)
        guard result.status == 0, let cache else { return }
        let directory = parentDirectory(of: results)
        var tree = FileTree()
        tree["/"] = .directory(modified: epoch)
        for name in try root.directory.openInRoot(directory).entries() {
            let path = "\(directory)/\(name)"
            guard path.hasPrefix(results), !shipped.contains("/\(path)") else { continue }
            let status = try root.directory.openInRoot(path).status()
            tree["/\(path)"] = Node(
                .file(.staged(path: path, size: status.size)), mode: status.mode, uid: status.uid, gid: status.gid,
                modified: epoch)
            for parent in sequence(first: directory, next: { $0.contains("/") ? parentDirectory(of: $0) : nil }) {
                tree["/\(parent)"] = .directory(modified: epoch)
            }
        }
        _ = try cache.store(key) { file in
            _ = try TarWriter.write(tree, source: root.directory, to: file, at: 0)
        }
    }

    /// The input as the scripts see it: a file that was added, changed or removed makes another list. Hidden files are
    /// marks of scripts, as the kernel's preinst leaves one, which no program reads.
    private static func listing(of call: Call) -> String {
        let outputs = call.output.split(separator: "/").last.map(String.init) ?? ""
        return "find /\(call.input) -type f ! -name '\(outputs)*' ! -name '.*' -printf '%p %s %C@\\n' | sort"
    }

    private func key(of call: Call) -> Digest {
        let involved = packages.filter { package in
            call.packages.contains(package.locked.name)
                || package.paths.contains { $0.hasPrefix("/\(call.input)/") }
        }
        let parts = ["early tool 1", call.program] + call.arguments + involved.map(\.locked.digest.hex)
        return SHA256.hash(Array(parts.joined(separator: "\n").utf8))
    }
}
