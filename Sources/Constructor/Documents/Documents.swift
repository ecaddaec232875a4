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
        _ artefacts: [ImageBuilder.Artefact], lock: Lock, root: StagedRoot, image: borrowing Descriptor, output: Output
    ) throws -> [PendingFile] {
        let status = try Deb822.parse(try root.read("var/lib/dpkg/status"), file: "/var/lib/dpkg/status")
        let bill = try BillOfMaterials(
            blueprint: request.blueprint, lock: lock, controls: status, artefacts: artefacts)
        var documents: [(suffix: String, content: JSONValue?)] = [("spdx.json", nil), ("cdx.json", nil)]
        if request.documents.billOfMaterials {
            documents = [("spdx.json", SPDX.document(bill)), ("cdx.json", CycloneDX.document(bill))]
        }
        let provenance = try request.documents.provenance.map { details in
            let file = String(output.path.split(separator: "/").last ?? "")
            return Provenance.statement(
                bill, about: [(file, try SHA256.hash(image))], secureBoot: request.signingKey?.certificate,
                details: details, finishedOn: Int64(time(nil)))
        }
        documents.append(("provenance.json", provenance))
        var files: [PendingFile] = []
        for (suffix, content) in documents {
            let path = output.companionPath(suffix)
            if let content {
                files.append(try PendingFile(Array(content.pretty.utf8), at: path))
            } else {
                _ = unlink(path)
            }
        }
        return files
    }
}

/// A file that is written, but has no name before the image has one.
final class PendingFile {
    private var file: AtomicFile?

    init(_ content: [UInt8], at path: String) throws(SystemError) {
        let file = try AtomicFile.create(path)
        try file.descriptor.writeAll(content)
        self.file = consume file
    }

    /// Gives it its name.
    func commit() throws(SystemError) { try file.take()?.commit() }
}
