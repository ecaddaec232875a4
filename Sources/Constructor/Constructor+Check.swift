import BlueprintModel
import Debian
internal import Glibc
import LinuxSystem

extension Constructor {
    /// Refuses what cannot be constructed, before anything is fetched or made.
    public func check() throws {
        let (blueprint, lock) = (request.blueprint, request.lock)
        let digest = SHA256.hash(blueprint.canonicalBytes)
        guard lock.blueprint == digest, lock.architecture == blueprint.distribution.architecture.rawValue else {
            throw ConstructorError(
                "the lock is not of this blueprint: it was made for \(lock.blueprintName) with digest "
                    + "\(lock.blueprint.hex.prefix(12)), the blueprint has \(digest.hex.prefix(12))"
                    + repositoriesOutsideLock.map { "; the lock knows nothing of the repository \($0)" }.joined(),
                hint: "run `pisces lock` to resolve the blueprint as it is now")
        }
        guard lock.tools["pisces"] == piscesVersion else {
            throw ConstructorError(
                "the lock was made for pisces \(lock.tools["pisces"] ?? "of no version"), this is \(piscesVersion): "
                    + "it would make other bits",
                hint: "run that version, or `pisces lock --update`")
        }
        // Scripts stamp what they make with the clock; what is newer than the epoch is cut to it, older stays.
        guard lock.epoch <= time(nil) else {
            throw ConstructorError(
                "the lock's epoch \(lock.epoch) is in the future of this machine's clock",
                hint: "set the clock, or an earlier `image: epoch`")
        }
        guard blueprint.image.verity || !wantsDisk else {
            throw ConstructorError("image: verity: a root without verity is not supported", hint: "leave the key out")
        }
        let packages = Set(lock.packages.map(\.name))
        if let name = blueprint.packages.hold.first(where: { !packages.contains($0) }) {
            throw ConstructorError(
                "packages: hold: \(name) is not among the \(packages.count) packages of the lock, so there is nothing to "
                    + "hold",
                hint: "name it under `packages: install`, too, or leave it out")
        }
        let tools = Set(lock.toolPackages.map(\.name))
        for tool in blueprint.image.toolPackages where !tools.contains(tool) && wantsDisk {
            throw ConstructorError(
                "the lock lacks the package \(tool), which makes this image", hint: "run `pisces lock --update`")
        }
        guard blueprint.distribution.debian == .trixie || !wantsDisk else {
            throw ConstructorError(
                "distribution: debian: a disk image of \(blueprint.distribution.debian.rawValue) is not supported",
                hint: "use trixie, or another form of output: a directory, an archive or an OCI image")
        }
        let plan = wantsDisk ? try imagePlan() : nil
        try Output.check(request.outputs)
        if let plan, let output = OutputWriter.diskOutput(of: request.outputs) { try check(plan, output) }
    }

    /// Refuses a disk that is larger than any file may be where it goes.
    private func check(_ plan: ImagePlan, _ output: Output) throws {
        do throws(SystemError) {
            try AtomicFile.create(output.path).descriptor.truncate(to: plan.size)
        } catch {
            throw ConstructorError(
                "a disk of \(humanSize(plan.size)) cannot be written: \(error)",
                hint: "set smaller sizes by `image: slot` and `image: data`, or choose another place with --output")
        }
    }

    private var repositoriesOutsideLock: [String] {
        let known = request.lock.packages.compactMap { package in
            switch package.source {
            case .directory(let name): name
            case .release(let name): String(name.prefix { $0 != "/" })
            case .system: nil
            }
        }
        return Set(request.blueprint.repositories.keys).subtracting(known).sorted(by: bytesPrecede)
    }
}
