import BlueprintModel
import PiscesTesting
import Testing

/// Ids that the containers of users may take.
@Suite struct IDRangeTests {
    @Test func theyAreReadAndWritten() throws {
        let text =
            #"users: { ada: { subuids: ["100000:65536", "7:1"], subgids: ["100000:65536"] }, bob: { subuids: [8:9] } }"#
        let blueprint = try loadBlueprint(text).blueprint
        #expect(blueprint.users["ada"]?.subuids == ["100000:65536", "7:1"])
        #expect(blueprint.users["bob"]?.subuids == ["8:9"] && blueprint.users["bob"]?.subgids == [])
        let bytes = Array(blueprint.yaml.utf8)
        #expect(try Blueprint.load("x") { _ in bytes }.blueprint == blueprint)
    }

    @Test(arguments: ["0:1", "01:2", "1:0", "1", "1:2:3", "-1:2", "1:2 ", "4294967294:2", "99999999999:1", "a:b", ":"])
    func whatIsNoRangeIsRefused(_ range: String) throws {
        let error = #expect(throws: DocumentError.self) {
            try loadBlueprint("users: { ada: { subuids: [\"\(range)\"] } }")
        }
        let message = error.map { "\($0)" } ?? ""
        #expect(message.contains("x.yaml:4:27: users.ada.subuids: ") && message.contains("range of ids"), "\(message)")
    }

    @Test func twoUsersDoNotShareIds() throws {
        let text = #"users: { ada: { subgids: ["100:10"] }, bob: { subgids: ["90:10", "109:1"] } }"#
        let error = #expect(throws: DocumentError.self) { try loadBlueprint(text) }
        let message = error.map { "\($0)" } ?? ""
        #expect(message.contains("x.yaml:4:66: users.bob.subgids: ada has some of these ids"), "\(message)")
        #expect(Blueprint.User.idRange("4294967293:2") == 4_294_967_293..<4_294_967_295)
    }
}
