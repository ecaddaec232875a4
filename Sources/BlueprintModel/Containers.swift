extension Blueprint {
    /// Something of podman's that the image brings and systemd starts, without a network.
    public enum Container: Sendable, Equatable {
        /// A container that keys describe.
        case service(ContainerService)
        /// A file as podman-systemd.unit(5) wants it, and images that it needs besides those of other containers.
        case quadlet(text: [UInt8], images: [ImageReference])
    }

    /// A container as a service. Each key but the last two stands for those of the same name in podman-systemd.unit(5),
    /// and its values mean what they mean there; only the values of the environment are taken literally.
    public struct ContainerService: Sendable, Equatable {
        /// The image; it has a digest, or is in a layout.
        public var image: ImageReference
        /// The OCI image layout that has the image, relative to the directory of the blueprint that was loaded; nil
        /// means that the image's registry has it.
        public var layout: String?
        /// The command line for the image's entry point; nil means the image's own.
        public var exec: String?
        /// Variables and their values.
        public var environment: [String: String] = [:]
        /// Published ports, such as `8080:80` or `127.0.0.1:53:53/udp`.
        public var publish: [String] = []
        /// Mounts, such as `/srv/www:/www:ro`, or `data:/var/lib/data` for a named volume.
        public var volumes: [String] = []
        /// Networks: `host`, `none`, or `NAME.network` for one that is described beside; empty means podman's own.
        public var network: [String] = []
        /// The user in the container, with a group behind a colon; nil means the image's own.
        public var user: String?
        /// Whether the container's root is read-only.
        public var readOnly = false
        /// Capabilities beside podman's usual ones.
        public var addCapabilities: [String] = []
        /// Capabilities not to have; `all` for none at all but the added ones.
        public var dropCapabilities: [String] = []
        /// When systemd starts it again.
        public var restart = Restart.always
        /// Whether it starts at boot.
        public var autoStart = true

        /// A container that runs an image as it is.
        public init(image: ImageReference) { self.image = image }
    }

    /// When a service starts again, as `Restart=` of systemd.service(5).
    public enum Restart: String, Sendable, CaseIterable {
        /// Never.
        case no
        /// After a clean end.
        case onSuccess = "on-success"
        /// After an error, a signal or a timeout.
        case onFailure = "on-failure"
        /// After a signal or a timeout.
        case onAbnormal = "on-abnormal"
        /// After a signal.
        case onAbort = "on-abort"
        /// Always, unless it was stopped.
        case always
    }
}

extension Blueprint {
    /// Every image that the containers need, each once in byte order, with the layout that has it.
    public var images: [(reference: ImageReference, layout: String?)] {
        var layouts: [ImageReference: String?] = [:]
        for case .quadlet(_, let images) in containers.values {
            for image in images { layouts[image] = .some(nil) }
        }
        for case .service(let service) in containers.values { layouts[service.image] = service.layout }
        return layouts.sorted { $0.key.description.utf8.lexicographicallyPrecedes($1.key.description.utf8) }
            .map { (reference: $0.key, layout: $0.value) }
    }

    /// What is wrong between containers.
    static func checkContainers(_ blueprint: Blueprint, _ node: YAMLNode, _ decoding: inout Decoding) {
        var layouts: [ImageReference: String?] = [:]
        for entry in node["containers"]?.entries ?? [] {
            let place = "containers.\(entry.key)"
            let isFile = entry.key.utf8.contains(UInt8(ascii: "."))
            switch blueprint.containers[entry.key] {
            case .service(let service):
                if isFile {
                    decoding.report(entry.keyMark, "\(place): a name with an ending is a file's, given by \"quadlet\"")
                } else if case .quadlet? = blueprint.containers["\(entry.key).container"] {
                    decoding.report(entry.keyMark, "\(place) and \(place).container are the same")
                }
                if let other = layouts.updateValue(service.layout, forKey: service.image), other != service.layout {
                    decoding.report(entry.keyMark, "\(place): another container has the same image from elsewhere")
                }
            case .quadlet(let text, _):
                if !isFile {
                    let endings = TextRule.quadletEndings.map { "\"\($0)\"" }
                    decoding.report(
                        entry.keyMark, "\(place): the name of a file ends in \(either(endings))")
                }
                checkImages(of: text, named: entry, blueprint, &decoding)
            case nil: break
            }
        }
    }

    /// An image that no one puts into the system would be pulled at boot, or be missing.
    private static func checkImages(
        of text: [UInt8], named entry: YAMLNode.Entry, _ blueprint: Blueprint, _ decoding: inout Decoding
    ) {
        guard entry.key.hasSuffix(".container") else { return }
        let known = blueprint.images.map(\.reference)
        for line in text.split(separator: UInt8(ascii: "\n")) where line.starts(with: "Image=".utf8) {
            let name = String(decoding: line.dropFirst("Image=".utf8.count), as: UTF8.self)
            let isKnown = known.contains {
                $0.description == name || "\($0.repository)@sha256:\($0.digest ?? "")" == name
            }
            if !isKnown {
                decoding.report(
                    entry.keyMark, "containers.\(entry.key): its image \(quoted(name)) is not among its \"images\"")
            }
        }
    }
}

extension Blueprint {
    /// Where a constructed system has the images of its containers.
    public static let imageStore = "/usr/lib/containers/storage"

    /// containers-storage.conf(5) of a system with containers, at `/etc/containers/storage.conf`.
    public static let containerStorage = """
        # Images are in the system, which is read-only; what podman itself makes or pulls goes to /var.
        [storage]
        driver = "overlay"
        graphroot = "/var/lib/containers/storage"
        runroot = "/run/containers/storage"

        [storage.options]
        additionalimagestores = ["\(imageStore)"]

        """
}

extension Blueprint.Container {
    /// As written: the keys of a container, or a file.
    private struct Form: Sendable {
        var image: ImageReference?
        var layout: String?
        var exec: String?
        var environment: [String: String]?
        var publish: [String]?
        var volumes: [String]?
        var network: [String]?
        var user: String?
        var readOnly: Bool?
        var addCapabilities: [String]?
        var dropCapabilities: [String]?
        var restart: Blueprint.Restart?
        var autoStart: Bool?
        var quadlet: [UInt8]?
        var images: [ImageReference]?
    }

    private static let reference = Codec<String>.text(.imageReference).converted(
        to: { text, _, _ in ImageReference(text) }, from: \.description)

    /// A path of the document, made relative to the directory of the blueprint that was loaded.
    private static let directory = Codec<String>.text(.relativePath).converted(
        to: { path, node, decoding in decoding.rebase(path, node.mark) }, from: { $0 })

    static let codec = Codec<Form>.record(
        "container", Form(),
        [
            Key(
                "image", \.image, reference, "The image, by digest, or by a name that `layout` gives a meaning.",
                presence: .required, alternative: "image"),
            Key(
                "layout", \.layout, directory,
                "The OCI image layout that has the image, relative to this document; by default its registry has it.",
                alternative: "image"),
            Key(
                "exec", \.exec, .text(.quadletLine), "The command line for the image's entry point.",
                alternative: "image"),
            Key(
                "environment", \.environment, .map(.variableName, .text(.variableValue)), "Variables and their values.",
                alternative: "image"),
            Key(
                "publish", \.publish, .list(.text(.quadletLine)), "Published ports, such as \"8080:80\".",
                alternative: "image"),
            Key(
                "volumes", \.volumes, .list(.text(.quadletLine)), "Mounts, such as \"/srv/www:/www:ro\".",
                alternative: "image"),
            Key(
                "network", \.network, .list(.text(.quadletLine)),
                "Networks: \"host\", \"none\" or \"NAME.network\"; by default podman's own.", alternative: "image"),
            Key(
                "user", \.user, .text(.containerUser), "The user in the container; by default the image's.",
                alternative: "image"),
            Key("read-only", \.readOnly, .bool, "Whether the container's root is read-only.", alternative: "image"),
            Key(
                "add-capabilities", \.addCapabilities, .list(.text(.capability)),
                "Capabilities beside podman's usual ones.", alternative: "image"),
            Key(
                "drop-capabilities", \.dropCapabilities, .list(.text(.capability)),
                "Capabilities not to have; \"all\" for none but the added ones.", alternative: "image"),
            Key(
                "restart", \.restart, .word("a restart rule"), "When it starts again; by default always.",
                alternative: "image"),
            Key("auto-start", \.autoStart, .bool, "Whether it starts at boot; by default true.", alternative: "image"),
            Key(
                "quadlet", \.quadlet, .textContents("quadlet"),
                "The file itself, as podman-systemd.unit(5) wants it; the name has its ending.", alternative: "quadlet"),
            Key(
                "images", \.images, .list(reference), "Images that the file needs, by digest.", alternative: "quadlet"),
        ]
    ).converted(to: decoded, from: encoded)

    private static func decoded(_ form: Form, _ node: YAMLNode, _ decoding: inout Decoding) -> Self? {
        if let text = form.quadlet {
            for (image, element) in zip(form.images ?? [], node["images"]?.elements ?? []) where image.digest == nil {
                decoding.report(element.mark, "\(quoted("\(image)")) has no digest: another day it is another image")
            }
            return .quadlet(text: text, images: form.images ?? [])
        }
        guard let image = form.image else { return nil }
        let mark = node["image"]?.mark ?? node.mark
        if form.layout == nil, image.digest == nil, !decoding.isFragment {
            decoding.report(mark, "\(quoted("\(image)")) has no digest: another day it is another image")
        } else if form.layout == nil, image.isLocal, !decoding.isFragment {
            decoding.report(mark, "\(quoted("\(image)")) is in no registry: say by \"layout\" where it is")
        }
        var service = Blueprint.ContainerService(image: image)
        (service.layout, service.exec, service.user) = (form.layout, form.exec, form.user)
        service.environment = form.environment ?? [:]
        (service.publish, service.volumes) = (form.publish ?? [], form.volumes ?? [])
        (service.network, service.readOnly) = (form.network ?? [], form.readOnly ?? false)
        service.addCapabilities = form.addCapabilities ?? []
        service.dropCapabilities = form.dropCapabilities ?? []
        (service.restart, service.autoStart) = (form.restart ?? .always, form.autoStart ?? true)
        return .service(service)
    }

    private static func encoded(_ container: Self) -> Form {
        func unlessEmpty<Value: Collection>(_ value: Value) -> Value? { value.isEmpty ? nil : value }
        switch container {
        case .quadlet(let text, let images): return Form(quadlet: text, images: unlessEmpty(images))
        case .service(let service):
            return Form(
                image: service.image, layout: service.layout, exec: service.exec,
                environment: unlessEmpty(service.environment), publish: unlessEmpty(service.publish),
                volumes: unlessEmpty(service.volumes), network: unlessEmpty(service.network), user: service.user,
                readOnly: service.readOnly ? true : nil, addCapabilities: unlessEmpty(service.addCapabilities),
                dropCapabilities: unlessEmpty(service.dropCapabilities),
                restart: service.restart == .always ? nil : service.restart,
                autoStart: service.autoStart ? nil : false)
        }
    }
}

extension TextRule {
    /// The endings of files that quadlet reads, but for those that need a network.
    static let quadletEndings = [".container", ".network", ".volume", ".pod", ".kube"]

    static let containerName = TextRule(
        article: "a container's name",
        form: "lower-case letters, digits and \"-\", at most 63, or the same with the ending of a quadlet file",
        pattern: "^[a-z0-9][a-z0-9-]{0,62}(\\.(container|network|volume|pod|kube))?$"
    ) { text in
        let ending = quadletEndings.first(where: text.hasSuffix) ?? ""
        return name.isValid(String(text.dropLast(ending.count)))
    }

    static let imageReference = TextRule(
        article: "an image's name", form: "registry/repository, and behind it :tag and @sha256:digest",
        pattern: "^[A-Za-z0-9.-]+(:[0-9]+)?(/[a-z0-9._-]+)+(:[A-Za-z0-9_.-]+)?(@sha256:[0-9a-f]{64})?$"
    ) { ImageReference($0) != nil }

    /// A value as podman-systemd.unit(5) has it: one line that neither begins nor ends with space, and does not go on.
    static let quadletLine = TextRule(
        article: "a value of a unit",
        form: "one line without control characters and without \"\\\" or space at its end",
        isNumeric: true
    ) { text in
        !hasControlCharacters(text) && text.utf8.first.map { $0 != 0x20 } ?? false
            && text.utf8.last.map { $0 != 0x20 && $0 != UInt8(ascii: "\\") } ?? false
    }

    static let variableName = characters(
        "a variable", "letters, digits and \"_\", first no digit", first: "A-Za-z_", rest: "A-Za-z0-9_",
        length: 1...128)

    static let variableValue = TextRule(
        article: "a variable's value", form: "one line without control characters", isNumeric: true
    ) { !hasControlCharacters($0) }

    static let containerUser = characters(
        "a user in a container", "a name or number, and behind it a colon and a group", first: "A-Za-z0-9_",
        rest: "A-Za-z0-9_.:-", length: 1...65
    ) { text in
        let parts = text.utf8.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        return parts.count <= 2 && !parts.contains { $0.isEmpty }
    }

    // capabilities(7), as podman-run(1) writes them.
    static let capability = characters(
        "a capability", "as in \"NET_ADMIN\", or \"all\"", rest: "A-Za-z_", length: 3...32)
}
