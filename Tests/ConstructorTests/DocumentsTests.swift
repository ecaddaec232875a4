import BlueprintModel
import Debian
import LinuxSystem
import PiscesTesting
import Testing

@testable import Constructor

@Suite struct DocumentsTests {
    private static func digest(_ text: String) -> Digest { SHA256.hash(Array(text.utf8)) }

    private static func package(
        _ name: String, _ version: String, _ source: LockedPackage.Source,
        _ filename: String, architecture: String = "amd64", isManual: Bool = false
    ) throws -> LockedPackage {
        LockedPackage(
            name: name, version: try #require(DebianVersion(version)), architecture: architecture, source: source,
            filename: filename, size: 1, digest: digest(name), isManual: isManual)
    }

    private let lock: Lock
    private let controls: [Deb822.Stanza]
    private let artefacts = [
        ImageBuilder.Artefact(name: "root", size: 4096, digest: Self.digest("the root")),
        ImageBuilder.Artefact(name: "uki", size: 512, digest: Self.digest("the kernel image")),
    ]

    init() throws {
        lock = Lock(
            blueprintName: "node", blueprint: Self.digest("blueprint"), architecture: "amd64", epoch: 1_700_000_000,
            tools: ["pisces": "0.1.0"],
            releases: [
                LockedRelease(
                    name: "trixie", uri: "http://deb.example/debian", suite: "trixie", components: ["main"],
                    digest: Self.digest("trixie"), date: 1_700_000_000),
                LockedRelease(
                    name: "vendor/stable", uri: "https://apt.vendor.example/", suite: "stable", components: ["main"],
                    digest: Self.digest("vendor"), date: 1_600_000_000),
            ],
            packages: [
                try Self.package(
                    "libstdc++6", "14.2.0-19", .release("trixie"), "pool/main/g/gcc-14/libstdc++6_14.2.0-19_amd64.deb"),
                try Self.package(
                    "dash", "1:0.5.12-12+b1", .release("trixie"), "pool/main/d/dash/dash_0.5.12-12+b1_amd64.deb",
                    isManual: true),
                try Self.package(
                    "tool", "2~rc1", .release("vendor/stable"), "pool/tool.deb", architecture: "all", isManual: true),
                try Self.package("pisces", "0.1.0", .directory("own"), "pisces_0.1.0_amd64.deb"),
            ],
            images: [
                LockedImage(
                    reference: "registry.example:443/team/web_1:2@sha256:\(Self.digest("web"))",
                    index: .init(digest: Self.digest("web"), size: 3),
                    manifest: .init(digest: Self.digest("a"), size: 1),
                    config: .init(digest: Self.digest("b"), size: 1), layers: []),
                LockedImage(
                    reference: "localhost/own", index: nil, manifest: .init(digest: Self.digest("own"), size: 3),
                    config: .init(digest: Self.digest("b"), size: 1), layers: []),
            ])
        controls = try Deb822.parse(
            Array(
                """
                Package: tool
                Version: 2~rc1
                Architecture: all
                Depends: libstdc++6 (>= 14), sh | dash, pisces

                Package: libstdc++6
                Version: 14.2.0-19
                Architecture: amd64
                Source: gcc-14

                Package: dash
                Version: 1:0.5.12-12+b1
                Architecture: amd64
                Source: dash (1:0.5.12-12)

                Package: pisces
                Version: 0.1.0
                Architecture: amd64

                Package: removed
                Version: 1
                Architecture: amd64
                """.utf8), file: "status")
    }

    private func bill(_ artefacts: [ImageBuilder.Artefact]? = nil) throws -> BillOfMaterials {
        try BillOfMaterials(
            blueprint: Blueprint(name: "node"), lock: lock, controls: controls, artefacts: artefacts ?? self.artefacts)
    }

    private func statement(_ details: ProvenanceDetails = ProvenanceDetails()) throws -> JSONValue {
        Provenance.statement(
            try bill(), about: [("node.raw", Self.digest("the image"))], secureBoot: nil, details: details,
            finishedOn: 1_700_000_100)
    }

    private func members(_ value: JSONValue?) -> [JSONValue] { value?.array ?? [] }

    @Test func documentsAreTheReviewedOnes() throws {
        #expect(differenceFromGolden(SPDX.document(try bill()).pretty, "node.spdx.json") == nil)
        #expect(differenceFromGolden(CycloneDX.document(try bill()).pretty, "node.cdx.json") == nil)
        #expect(differenceFromGolden(try statement().pretty, "node.provenance.json") == nil)
    }

    @Test func packageURLsFollowTheSpecification() throws {
        #expect(
            try bill().components.map(\.purl) == [
                "pkg:deb/debian/dash@1:0.5.12-12%2Bb1?arch=amd64&distro=trixie&upstream=dash%401:0.5.12-12",
                "pkg:deb/debian/libstdc%2B%2B6@14.2.0-19?arch=amd64&distro=trixie&upstream=gcc-14",
                "pkg:deb/own/pisces@0.1.0?arch=amd64",
                "pkg:deb/vendor/tool@2~rc1?arch=all",
            ])
        #expect(
            try bill().containerImages.map(\.purl) == [
                "pkg:oci/own@sha256%3A\(Self.digest("own"))?arch=amd64",
                "pkg:oci/web_1@sha256%3A\(Self.digest("web"))?arch=amd64"
                    + "&repository_url=registry.example:443%2Fteam%2Fweb_1&tag=2",
            ])
    }

    @Test func everyReferenceLeadsToAnElementAndEveryElementHasItsOwnName() throws {
        let spdx = SPDX.document(try bill())
        let identifiers = members(spdx["packages"]).compactMap { $0["SPDXID"]?.string } + ["SPDXRef-DOCUMENT"]
        #expect(Set(identifiers).count == identifiers.count && identifiers.count == 10)
        for identifier in identifiers { #expect(identifier.wholeMatch(of: #/SPDXRef-[A-Za-z0-9.-]+/#) != nil) }
        let relationships = members(spdx["relationships"])
        for relationship in relationships {
            for end in ["spdxElementId", "relatedSpdxElement"] {
                #expect(identifiers.contains(relationship[end]?.string ?? ""))
            }
        }
        #expect(relationships.filter { $0["relationshipType"]?.string == "DEPENDS_ON" }.count == 3)
        let cyclone = CycloneDX.document(try bill())
        let references = members(cyclone["components"]).compactMap { $0["bom-ref"]?.string } + ["image:node"]
        #expect(Set(references).count == references.count && references.count == 9)
        for dependency in members(cyclone["dependencies"]) {
            let ends = [dependency["ref"]] + members(dependency["dependsOn"])
            for end in ends { #expect(references.contains(end?.string ?? "")) }
        }
    }

    @Test func namesOfDocumentsComeFromTheirContentAlone() throws {
        #expect(SPDX.document(try bill()) == SPDX.document(try bill()))
        let other = [ImageBuilder.Artefact(name: "root", size: 4096, digest: Self.digest("another root"))]
        let serials = [
            CycloneDX.document(try bill())["serialNumber"], CycloneDX.document(try bill(other))["serialNumber"],
            SPDX.document(try bill())["documentNamespace"], SPDX.document(try bill(other))["documentNamespace"],
        ].compactMap { $0?.string }
        #expect(Set(serials).count == 4)
        let form = #/urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/#
        for serial in serials { #expect(serial.wholeMatch(of: form) != nil, "\(serial)") }
    }

    @Test func lockedPackageThatIsNotInstalledIsAnError() throws {
        for change in [
            { (controls: inout [Deb822.Stanza]) in controls.removeFirst() },
            { (controls: inout [Deb822.Stanza]) in controls[0]["Version"] = "2~rc2" },
            { (controls: inout [Deb822.Stanza]) in controls[0]["Architecture"] = "amd64" },
        ] {
            var changed = controls
            change(&changed)
            #expect {
                try BillOfMaterials(blueprint: Blueprint(name: "node"), lock: lock, controls: changed, artefacts: [])
            } throws: { "\($0)".contains("tool 2~rc1 is locked, but not installed") }
        }
    }

    @Test func provenanceTellsWhoAndWhenOnlyIfAsked() throws {
        let plain = try statement()["predicate"]?["runDetails"]
        #expect(plain?["metadata"] == nil && plain?["builder"]?["id"]?.string == "urn:pisces:builder")
        let told = try statement(
            ProvenanceDetails(builder: "https://ci.example/", invocation: "run 7", startedOn: 1_700_000_000))
        let run = told["predicate"]?["runDetails"]
        #expect(run?["builder"]?["id"]?.string == "https://ci.example/")
        #expect(
            run?["metadata"]
                == .object([
                    "invocationId": "run 7", "startedOn": "2023-11-14T22:13:20Z", "finishedOn": "2023-11-14T22:15:00Z",
                ]))
        #expect(members(told["subject"]).map { $0["name"]?.string } == ["node.raw", "root", "uki"])
    }

    @Test func provenanceNamesTheCertificateThatSigned() throws {
        let certificate = try TestKey("node").certificate()
        let statement = Provenance.statement(
            try bill(), about: [], secureBoot: certificate, details: ProvenanceDetails(), finishedOn: 0)
        let parameters = statement["predicate"]?["buildDefinition"]?["externalParameters"]
        #expect(parameters?["secureBootCertificate"]?["digest"]?["sha256"]?.string == certificate.digest.hex)
    }

    @Test func documentsLieBesideTheImage() {
        #expect(Output(.raw, path: "out/node.raw").companionPath("spdx.json") == "out/node.spdx.json")
        #expect(Output(.raw, path: "node.img").companionPath("cdx.json") == "node.img.cdx.json")
    }
}
