import BlueprintModel
import Debian
internal import Glibc
import LinuxSystem

/// Which documents go beside a disk image, for those who have to know what is in it.
public struct DocumentOptions: Sendable, Equatable {
    /// Whether to write the bill of materials: `IMAGE.spdx.json` and `IMAGE.cdx.json`.
    public var billOfMaterials: Bool
    /// What the provenance `IMAGE.provenance.json` tells of its maker; nil writes none. It names the digest of the
    /// whole image, which takes a moment.
    public var provenance: ProvenanceDetails?

    /// Documents; by default the bill of materials alone.
    public init(billOfMaterials: Bool = true, provenance: ProvenanceDetails? = nil) {
        self.billOfMaterials = billOfMaterials
        self.provenance = provenance
    }
}

extension Constructor {
    /// Writes the documents of an image that is complete, without a name yet; those of an earlier image that are not
    /// wanted now are removed, since they would tell of another one.
    func documents(
        beside output: Output, of disk: borrowing BuiltDisk, root: StagedRoot, lock: Lock
    ) throws -> [PendingOutput] {
        let status = try Deb822.parse(try root.read("var/lib/dpkg/status"), file: "/var/lib/dpkg/status")
        let bill = try BillOfMaterials(
            blueprint: request.blueprint, lock: lock, controls: status, artefacts: disk.facts.artefacts)
        var documents: [(suffix: String, content: JSONValue?)] = [("spdx.json", nil), ("cdx.json", nil)]
        if request.documents.billOfMaterials {
            documents = [("spdx.json", SPDX.document(bill)), ("cdx.json", CycloneDX.document(bill))]
        }
        var provenance: JSONValue?
        if let details = request.documents.provenance {
            // Other forms of the disk have other bytes: of those it tells the artefacts.
            let image = try SHA256.hash(disk.image.descriptor)
            provenance = Provenance.statement(
                bill, about: output.form == .raw ? [(baseName(of: output.path), image)] : [],
                secureBoot: request.signingKey?.certificate, details: details, finishedOn: Int64(time(nil)))
        }
        documents.append(("provenance.json", provenance))
        var files: [PendingOutput] = []
        for (suffix, content) in documents {
            guard let path = output.companionPath(suffix) else { continue }
            guard let content else {
                _ = unlink(path)
                continue
            }
            let file = try AtomicFile.create(path)
            try file.descriptor.writeAll(Array(content.pretty.utf8))
            files.append(PendingOutput(file))
        }
        return files
    }
}
