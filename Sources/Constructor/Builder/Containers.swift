import BlueprintModel
import Debian
import LinuxSystem

extension Customization {
    /// Writes the quadlets, from which podman's generator makes units at boot, and tells podman where the images are.
    ///
    /// They go where an administrator's would, like units of the blueprint itself: who changes one on the machine changes
    /// this very file, and the change is found there.
    func makeContainers() throws {
        if blueprint.containers.isEmpty { return }
        try require("usr/libexec/podman/quadlet", for: "containers", package: "podman")
        for (name, container) in blueprint.containers.sorted(by: { bytesPrecede($0.key, $1.key) }) {
            let folder = "etc/containers/systemd"
            switch container {
            case .quadlet(let text, _): try root.write(text, to: "\(folder)/\(name)")
            case .service(let service):
                // What generators make comes before what packages bring, so a service would silently be another.
                guard !root.exists("usr/lib/systemd/system/\(name).service") else {
                    throw ConstructorError(
                        "containers: \(name): a package has a unit \(name).service", hint: "choose another name")
                }
                try root.write(
                    service.quadlet(name: name, image: try imageName(service.image)), to: "\(folder)/\(name).container")
            }
        }
        try root.write(Blueprint.containerStorage, to: "etc/containers/storage.conf")
    }

    /// By what podman finds the locked image and no other.
    private func imageName(_ reference: ImageReference) throws -> String {
        guard let image = lock.images.first(where: { $0.reference == reference.description }) else {
            throw ConstructorError(
                "the lock does not have the image \(reference)", hint: "run `pisces lock` to resolve it")
        }
        return "\(reference.repository)@sha256:\(image.digest)"
    }
}
