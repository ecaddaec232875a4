import BlueprintModel
import Debian
import LinuxSystem

/// The bill of materials in the format of CycloneDX 1.6 (ECMA-424), as JSON.
enum CycloneDX {
    /// The document: the same construction has the same one.
    static func document(_ bill: BillOfMaterials) -> JSONValue {
        let image = "image:\(bill.name)"
        let system: [String: JSONValue] = [
            "type": "operating-system", "bom-ref": .string(image), "name": .string(bill.name),
        ]
        let tools = bill.tools.map { tool in
            JSONValue.object(["type": "application", "name": .string(tool.name), "version": .string(tool.version)])
        }
        let asked = bill.components.filter(\.locked.isManual).map(\.purl)
        var dependencies = [
            dependency(image, on: asked + bill.containerImages.map(\.purl) + bill.artefacts.map(reference))
        ]
        for component in bill.components {
            dependencies.append(dependency(component.purl, on: component.dependencies.map { bill.components[$0].purl }))
        }
        return .object([
            "bomFormat": "CycloneDX", "specVersion": "1.6", "version": .integer(1),
            "serialNumber": .string("urn:uuid:\(bill.uuid("cyclonedx"))"),
            "metadata": .object([
                "timestamp": .string(bill.created), "tools": .object(["components": .array(tools)]),
                "component": .object(system),
            ]),
            "components": .array(
                bill.components.map(component) + bill.containerImages.map(component) + bill.artefacts.map(component)),
            "dependencies": .array(dependencies),
        ])
    }

    private static func component(_ component: BillOfMaterials.Component) -> JSONValue {
        let locked = component.locked
        var fields: [String: JSONValue] = [
            "type": "library", "bom-ref": .string(component.purl), "purl": .string(component.purl),
            "name": .string(locked.name), "version": .string(locked.version.description),
            "hashes": hashes(locked.digest),
            "properties": .array([
                property("source-package", component.source.name), property("source-version", component.source.version),
            ]),
        ]
        if component.isDebian { fields["supplier"] = .object(["name": "Debian"]) }
        if let location = component.location {
            fields["externalReferences"] = .array([
                .object(["type": "distribution", "url": .string(location), "hashes": hashes(locked.digest)])
            ])
        }
        return .object(fields)
    }

    private static func component(_ image: BillOfMaterials.ContainerImage) -> JSONValue {
        .object([
            "type": "container", "bom-ref": .string(image.purl), "purl": .string(image.purl),
            "name": .string(image.locked.reference), "version": .string("sha256:\(image.locked.digest)"),
            "hashes": hashes(image.locked.digest),
        ])
    }

    private static func component(_ artefact: ImageBuilder.Artefact) -> JSONValue {
        .object([
            "type": "file", "bom-ref": .string(reference(artefact)), "name": .string(artefact.name),
            "hashes": hashes(artefact.digest), "properties": .array([property("size", "\(artefact.size)")]),
        ])
    }

    private static func reference(_ artefact: ImageBuilder.Artefact) -> String { "artefact:\(artefact.name)" }

    private static func dependency(_ reference: String, on others: [String]) -> JSONValue {
        .object(["ref": .string(reference), "dependsOn": .array(others.map { .string($0) })])
    }

    private static func hashes(_ digest: Digest) -> JSONValue {
        .array([.object(["alg": "SHA-256", "content": .string(digest.hex)])])
    }

    private static func property(_ name: String, _ value: String) -> JSONValue {
        .object(["name": .string("pisces:\(name)"), "value": .string(value)])
    }
}
