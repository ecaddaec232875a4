import ArgumentParser
import Constructor
import Glibc

/// Which documents go beside an image.
struct DocumentArguments: ParsableArguments {
    @Flag(
        inversion: .prefixedNo, help: "Write the bill of materials beside the image: .spdx.json and .cdx.json.")
    var sbom = true

    @Flag(help: "Write the SLSA provenance beside the image: .provenance.json. It tells nobody's name and no time.")
    var provenance = false

    @Option(help: ArgumentHelp("Tell in the provenance who builds.", valueName: "uri"))
    var provenanceBuilder: String?

    @Option(
        help: ArgumentHelp(
            "Tell in the provenance which run this is, for example the address of its log.", valueName: "text"))
    var provenanceInvocation: String?

    @Flag(help: "Tell in the provenance when the image was built.")
    var provenanceTimes = false

    func validate() throws {
        let hasDetails = provenanceBuilder != nil || provenanceInvocation != nil || provenanceTimes
        guard provenance || !hasDetails else {
            throw ValidationError("--provenance-builder, -invocation and -times go with --provenance")
        }
        if let provenanceBuilder, provenanceBuilder.wholeMatch(of: #/[A-Za-z][A-Za-z0-9+.-]*:[!-~]+/#) == nil {
            throw ValidationError("--provenance-builder \(provenanceBuilder): a URI begins with a scheme, like https:")
        }
    }

    /// What the constructor is told; the run begins now.
    var options: DocumentOptions {
        let details = ProvenanceDetails(
            builder: provenanceBuilder, invocation: provenanceInvocation,
            startedOn: provenanceTimes ? Int64(time(nil)) : nil)
        return DocumentOptions(billOfMaterials: sbom, provenance: provenance ? details : nil)
    }
}
