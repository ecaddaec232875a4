import BlueprintModel
import Debian
import LinuxSystem

/// The bill of materials in the format of SPDX 2.3 (ISO/IEC 5962), as JSON.
///
/// Licences are not asserted: Debian's `copyright` files tell them for each file, and not all in a form for machines.
enum SPDX {
    /// The document: the same construction has the same one.
    static func document(_ bill: BillOfMaterials) -> JSONValue {
        let image = "SPDXRef-Image"
        let packages = bill.components.map(identifier)
        var relationships = [relationship("SPDXRef-DOCUMENT", "DESCRIBES", image)]
        for element in packages + bill.containerImages.map(identifier) + bill.artefacts.map(identifier) {
            relationships.append(relationship(image, "CONTAINS", element))
        }
        for (index, component) in bill.components.enumerated() {
            relationships += component.dependencies.map { relationship(packages[index], "DEPENDS_ON", packages[$0]) }
        }
        let system = package(image, name: bill.name, purpose: "OPERATING-SYSTEM", digest: nil)
        let tools = bill.tools.map { JSONValue.string("Tool: \($0.name)-\($0.version)") }
        return .object([
            "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT",
            "name": .string(bill.name),
            "documentNamespace": .string("urn:uuid:\(bill.uuid("spdx"))"),
            "creationInfo": .object(["created": .string(bill.created), "creators": .array(tools)]),
            "packages": .array(
                [.object(system)] + bill.components.map(package) + bill.containerImages.map(package)
                    + bill.artefacts.map {
                        .object(package(identifier($0), name: $0.name, purpose: "FILE", digest: $0.digest))
                    }),
            "relationships": .array(relationships),
        ])
    }

    private static func package(_ component: BillOfMaterials.Component) -> JSONValue {
        let locked = component.locked
        var fields = package(identifier(component), name: locked.name, purpose: "INSTALL", digest: locked.digest)
        fields["versionInfo"] = .string(locked.version.description)
        fields["packageFileName"] = .string(locked.filename)
        fields["sourceInfo"] = .string("built from source package \(component.source.name) \(component.source.version)")
        fields["supplier"] = component.isDebian ? "Organization: Debian" : "NOASSERTION"
        if let location = component.location { fields["downloadLocation"] = .string(location) }
        fields["externalRefs"] = references(component.purl)
        return .object(fields)
    }

    private static func package(_ image: BillOfMaterials.ContainerImage) -> JSONValue {
        let locked = image.locked
        var fields = package(
            identifier(image), name: locked.reference, purpose: "CONTAINER", digest: locked.digest)
        fields["externalRefs"] = references(image.purl)
        return .object(fields)
    }

    private static func references(_ purl: String) -> JSONValue {
        .array([
            .object([
                "referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": .string(purl),
            ])
        ])
    }

    /// The fields that every package has.
    private static func package(
        _ identifier: String, name: String, purpose: String, digest: Digest?
    ) -> [String: JSONValue] {
        var fields: [String: JSONValue] = [
            "SPDXID": .string(identifier), "name": .string(name), "primaryPackagePurpose": .string(purpose),
            "downloadLocation": "NOASSERTION", "filesAnalyzed": .bool(false), "licenseConcluded": "NOASSERTION",
            "licenseDeclared": "NOASSERTION", "copyrightText": "NOASSERTION",
        ]
        if let digest {
            fields["checksums"] = .array([
                .object(["algorithm": "SHA256", "checksumValue": .string(digest.hex)])
            ])
        }
        return fields
    }

    private static func relationship(_ element: String, _ type: String, _ related: String) -> JSONValue {
        .object([
            "spdxElementId": .string(element), "relationshipType": .string(type),
            "relatedSpdxElement": .string(related),
        ])
    }

    private static func identifier(_ component: BillOfMaterials.Component) -> String {
        let locked = component.locked
        return identifier("Package", "\(locked.name)-\(locked.architecture)-\(locked.digest.hex.prefix(8))")
    }

    private static func identifier(_ image: BillOfMaterials.ContainerImage) -> String {
        identifier("ContainerImage", image.locked.reference)
    }

    private static func identifier(_ artefact: ImageBuilder.Artefact) -> String {
        identifier("Artefact", artefact.name)
    }

    /// An identifier holds letters, digits, dots and hyphens only.
    private static func identifier(_ kind: String, _ text: String) -> String {
        "SPDXRef-\(kind)-"
            + text.map { $0.isASCII && ($0.isLetter || $0.isNumber) || $0 == "." ? String($0) : "-" }.joined()
    }
}
