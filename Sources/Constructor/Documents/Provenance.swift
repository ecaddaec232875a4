import BlueprintModel
import Debian
import LinuxSystem

/// Who constructs, and when: only what is said here is told, for the rest of a provenance follows from the lock.
public struct ProvenanceDetails: Sendable, Equatable {
    /// A URI for the one who is trusted to build; nil: this program, run by anyone.
    public var builder: String?
    /// A name for this one run, for example the address of its log.
    public var invocation: String?
    /// When the run began, seconds since 1970; nil tells no times.
    public var startedOn: Int64?

    /// Details; none by default.
    public init(builder: String? = nil, invocation: String? = nil, startedOn: Int64? = nil) {
        self.builder = builder
        self.invocation = invocation
        self.startedOn = startedOn
    }
}

/// Where artefacts come from: an in-toto Statement v1 whose predicate is SLSA provenance v1, as JSON.
enum Provenance {
    /// What a statement is about: a file, or an artefact within it.
    typealias Subject = (name: String, digest: Digest)

    /// The statement, to be signed by whoever makes it theirs.
    static func statement(
        _ bill: BillOfMaterials, about files: [Subject], secureBoot certificate: Certificate?,
        details: ProvenanceDetails, finishedOn: Int64
    ) -> JSONValue {
        let lock = bill.lock
        var parameters: [String: JSONValue] = [
            "blueprint": .object(["name": .string(bill.name), "digest": digest(lock.blueprint)]),
            "lock": .object(["digest": digest(lock.digest)]),
        ]
        if let certificate { parameters["secureBootCertificate"] = .object(["digest": digest(certificate.digest)]) }
        let tools = lock.tools.mapValues { JSONValue.string($0) }
        var metadata: [String: JSONValue] = [:]
        if let invocation = details.invocation { metadata["invocationId"] = .string(invocation) }
        if let startedOn = details.startedOn {
            metadata["startedOn"] = .string(Timestamp.text(startedOn))
            metadata["finishedOn"] = .string(Timestamp.text(finishedOn))
        }
        var run: [String: JSONValue] = [
            "builder": .object(["id": .string(details.builder ?? "urn:pisces:builder"), "version": .object(tools)])
        ]
        if !metadata.isEmpty { run["metadata"] = .object(metadata) }
        let subjects = files + bill.artefacts.map { ($0.name, $0.digest) }
        return .object([
            "_type": "https://in-toto.io/Statement/v1",
            "subject": .array(
                subjects.map { .object(["name": .string($0.name), "digest": digest($0.digest)]) }),
            "predicateType": "https://slsa.dev/provenance/v1",
            "predicate": .object([
                "buildDefinition": .object([
                    "buildType": "urn:pisces:construct:1",
                    "externalParameters": .object(parameters),
                    "internalParameters": .object(["epoch": .integer(Int(lock.epoch))]),
                    "resolvedDependencies": .array(
                        lock.releases.map(dependency) + bill.components.map(dependency)
                            + bill.containerImages.map(dependency)),
                ]),
                "runDetails": .object(run),
            ]),
        ])
    }

    private static func dependency(_ release: LockedRelease) -> JSONValue {
        let base = release.uri.hasSuffix("/") ? release.uri : release.uri + "/"
        return .object([
            "name": .string(release.name), "uri": .string("\(base)dists/\(release.suite)/InRelease"),
            "digest": digest(release.digest),
        ])
    }

    private static func dependency(_ component: BillOfMaterials.Component) -> JSONValue {
        var fields: [String: JSONValue] = [
            "name": .string(component.locked.name), "uri": .string(component.purl),
            "digest": digest(component.locked.digest),
        ]
        if let location = component.location { fields["downloadLocation"] = .string(location) }
        return .object(fields)
    }

    private static func dependency(_ image: BillOfMaterials.ContainerImage) -> JSONValue {
        .object([
            "name": .string(image.locked.reference), "uri": .string(image.purl), "digest": digest(image.locked.digest),
        ])
    }

    private static func digest(_ digest: Digest) -> JSONValue { .object(["sha256": .string(digest.hex)]) }
}
