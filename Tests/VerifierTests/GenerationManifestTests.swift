import BlueprintModel
import Testing
import Verifier

@Suite struct GenerationManifestTests {
    private func manifest(_ changes: [String: JSONValue]) throws -> GenerationManifest {
        var members = try SampleImage.shared.get().manifest.object ?? [:]
        members.merge(changes) { $1 }
        return try GenerationManifest(parsing: JSONValue.object(members).canonicalBytes, file: "m.json")
    }

    @Test func olderManifestTellsNothingOfReleaseAndData() throws {
        let manifest = try manifest([:])
        #expect(manifest.release == 0 && manifest.commandLine == nil && manifest.rootFilesystem == "erofs")
        #expect(manifest.dataSchema == .init(version: 0, floor: 0))
    }

    @Test func releaseCommandLineAndDataSchemaAreRead() throws {
        let manifest = try manifest([
            "release": .integer(.max), "command-line": "roothash=x ro",
            "data-schema": .object(["version": .integer(3), "floor": .integer(2)]),
        ])
        #expect(manifest.release == UInt64(Int.max) && manifest.commandLine == "roothash=x ro")
        #expect(manifest.dataSchema == .init(version: 3, floor: 2))
        let part = try self.manifest(["data-schema": .object(["version": .integer(3)])])
        #expect(part.dataSchema == .init(version: 3, floor: 0))
    }

    @Test(arguments: [
        ("release", JSONValue.integer(-1), "release is not a whole number from 0 on"),
        ("release", "1", "release is not a whole number from 0 on"), ("release", .null, "release is not"),
        ("command-line", .integer(1), "command-line is not a text"),
        ("data-schema", .integer(1), "data-schema is no object"),
        ("data-schema", .object(["version": .integer(1), "floor": .integer(2)]), "at most its `version`"),
        ("data-schema", .object(["floor": .integer(1)]), "at most its `version`"),
        ("data-schema", .object(["version": .integer(-1)]), "data-schema: version is not a whole number"),
    ])
    func impossibleValueIsRefused(key: String, value: JSONValue, words: String) throws {
        let error = #expect(throws: VerificationError.self) { try manifest([key: value]) }
        #expect(error?.description.contains(words) == true, "\(error?.description ?? "")")
    }

    @Test func releaseBeyondSixtyThreeBitsIsRefused() throws {
        let text = try SampleImage.shared.get().manifest.canonical
        for number in ["9223372036854775808", "1e3", "1.0", "99999999999999999999999"] {
            let bytes = Array("{\"release\":\(number),\(text.dropFirst())".utf8)
            #expect(throws: VerificationError.self) { try GenerationManifest(parsing: bytes, file: "m") }
        }
    }
}
