import BlueprintModel
import Constructor
import ContentStore
import Debian
import LinuxSystem

/// A sealed system that is to be constructed.
final class SealedInput {
    let system: SealedSystem

    init(_ path: String) throws { system = try SealedSystem(path: path) }

    /// Puts what the lock names into the store, once all of it is known to be good.
    func restore(into store: ObjectStore, _ console: Console) throws {
        console.begin("verify the seal")
        try system.verify { console.advance($0, of: $1, "\($0) of \($1)") }
        console.end("\(system.lock.objects.count) objects")
        console.begin("open the seal")
        try system.restore(into: store) { console.advance($0, of: $1, "\($0) of \($1)") }
        console.end()
    }
}

/// A sealed system that is to be written.
struct SealedOutput {
    let path: String
    /// Knows the blueprint.
    let resolver: Resolver

    /// Brings what the lock names into the store, and writes all of it.
    func write(_ blueprint: Blueprint, _ lock: Lock) throws {
        let store = try resolver.openStore()
        try resolver.fetch(lock, into: store)
        let (text, contents, stored) = blueprint.yaml(contentsIn: Seal.contents, above: CopyCommand.inlineLimit)
        var files = contents
        files[Seal.blueprint] = Array(text.utf8)
        // Without it, the layout that is installed where the seal is opened counts.
        files[Seal.layout(blueprint.image.layout)] = try? Workspace.layoutFile(
            named: blueprint.image.layout, near: path
        ).bytes
        let console = resolver.console
        console.begin("write the seal")
        try Seal.write(files, stored: stored, lock, from: store, to: path) {
            console.advance($0, of: $1, "\($0) of \($1)")
        }
        console.end(humanSize(try Descriptor.open(path).status().size))
    }
}
