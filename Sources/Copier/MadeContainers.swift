internal import BlueprintModel
internal import LinuxSystem

extension Reading {
    /// Reads the containers that commands of podman and docker made. Only the programs themselves know them, so of a
    /// system that does not run there is no more than a word in the report.
    mutating func readMadeContainers(_ tools: ToolRunner, into blueprint: inout Blueprint) throws {
        var seen: Set<String> = []
        for (program, folder) in [("podman", "/var/lib/containers/storage"), ("docker", "/var/lib/docker/containers")] {
            guard try hasContainers(folder, of: program) else { continue }
            guard isRunning else {
                leaveOut(
                    "containers", folder,
                    "containers that \(program)'s commands made are read only of the running system: copy it there")
                continue
            }
            do throws(Unreadable) {
                let containers = try inspect(program, "container", try list(program), tools)
                let wanted = containers.filter {
                    !InspectedContainer.isMadeByUnit($0) && seen.insert($0["Id"]?.string ?? "").inserted
                }
                let images = try inspect(program, "image", wanted.compactMap { $0["Image"]?.string }.unique, tools)
                for container in wanted { try add(container, images, program, &blueprint) }
            } catch {
                leaveOut("containers", program, error.reason)
            }

            /// The numbers of all containers.
            func list(_ program: String) throws(Unreadable) -> [String] {
                let arguments = ["container", "ls", "--all", "--quiet", "--no-trunc"]
                return words(of: String(decoding: try Self.output(program, arguments, tools), as: UTF8.self))
            }
        }
    }

    /// Why a program tells nothing.
    private struct Unreadable: Error { var reason: String }

    /// Whether the program keeps containers below a folder.
    private func hasContainers(_ folder: String, of program: String) throws -> Bool {
        let names = try root.listing(of: folder).names
        guard program == "podman" else { return !names.isEmpty }
        return try names.contains { name in
            guard name.hasSuffix("-containers"), let list = try root.read("\(folder)/\(name)/containers.json") else {
                return false
            }
            return list.contains(UInt8(ascii: "{"))
        }
    }

    /// What the program says of things of one kind; of those that are gone meanwhile, nothing.
    private func inspect(
        _ program: String, _ kind: String, _ names: [String], _ tools: ToolRunner
    ) throws(Unreadable) -> [JSONValue] {
        if names.isEmpty { return [] }
        let output = try Self.output(program, [kind, "inspect"] + names, tools)
        do throws(DocumentError) {
            return try JSONValue(parsing: output, file: "\(program) \(kind) inspect").array ?? []
        } catch {
            throw Unreadable(reason: "its containers cannot be copied, what it says is not understood: \(error)")
        }
    }

    private static func output(
        _ program: String, _ arguments: [String], _ tools: ToolRunner
    ) throws(Unreadable) -> [UInt8] {
        let path = Command.plainEnvironment
        do {
            // A daemon that hangs must not hang the copy.
            let result = try tools(["timeout", "--kill-after=5", "60", program] + arguments, path, nil)
            if result.status == 0 || result.output.first == UInt8(ascii: "[") { return result.output }
            let words = String(decoding: result.errorOutput.prefix(300), as: UTF8.self)
            let reason = result.status == 124 ? "it gave no answer for a minute" : trimmed(words.filter { $0 != "\n" })
            throw Unreadable(reason: "its containers cannot be copied: \(reason)")
        } catch let error as Unreadable {
            throw error
        } catch {
            throw Unreadable(reason: "its containers cannot be copied: \(error)")
        }
    }

    private mutating func add(
        _ inspected: JSONValue, _ images: [JSONValue], _ program: String, _ blueprint: inout Blueprint
    ) throws(Unreadable) {
        func digest(_ value: JSONValue?) -> String { parts(of: value?.string ?? "", at: ":").last ?? "" }
        let image = images.first { digest($0["Id"]) == digest(inspected["Image"]) }
        let made = InspectedContainer(inspected, image: image ?? .null)
        for omission in made.omissions { leaveOut("containers", omission.subject, omission.reason) }
        guard let container = made.container else { return }
        let file = "\(made.name).container"
        let unit = "/usr/lib/systemd/system/\(made.name).service"
        if blueprint.containers[made.name] != nil || blueprint.containers[file] != nil {
            return leaveOut("containers", made.name, "a quadlet has the same name: rename one of them")
        }
        if (try? root.statusOfLink(unit)) != nil {
            return leaveOut("containers", made.name, "a package has a unit of this name: rename the container")
        }
        if program == "docker" {
            leaveOut(
                "containers", made.name,
                "it becomes podman's: what only docker can do (its capabilities "
                    + "AUDIT_WRITE, MKNOD and NET_RAW, its socket) it does not have")
        }
        blueprint.containers.merge(made.networks) { own, _ in own }
        if case .quadlet = container {
            blueprint.containers[file] = container
        } else {
            blueprint.containers[made.name] = container
        }
    }
}
