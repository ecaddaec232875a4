import Disk
import LinuxSystem
import Testing

@Suite struct GUIDTests {
    @Test func textAndBytesAreTwoFormsOfOneValue() throws {
        let text = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
        let guid = try #require(GUID(text))
        #expect(guid == .efiSystem)
        #expect(GUID(text.uppercased()) == guid)
        #expect(guid.description == text)
        #expect(guid.bytes.hex == "c12a7328f81f11d2ba4b00a0c93ec93b")
        #expect(guid.diskBytes.hex == "28732ac11ff8d211ba4b00a0c93ec93b")
        #expect(GUID(bytes: guid.bytes) == guid)
        #expect(GUID(diskBytes: guid.diskBytes) == guid)
    }

    @Test(arguments: [
        "", "c12a7328f81f11d2ba4b00a0c93ec93b", "c12a7328-f81f-11d2-ba4b-00a0c93ec93",
        "g12a7328-f81f-11d2-ba4b-00a0c93ec93b",
        "{c12a7328-f81f-11d2-ba4b-00a0c93ec93b}", "c12a7328-f81f-11d2-ba4b-00a0c93ec93b-",
        "c12a7-328f81f-11d2-ba4b-00a0c93ec93b",
    ])
    func otherTextIsNoGUID(_ text: String) { #expect(GUID(text) == nil) }

    @Test func otherNumbersOfBytesAreNoGUID() {
        #expect(GUID(bytes: [UInt8](repeating: 1, count: 15)) == nil)
        #expect(GUID(diskBytes: [UInt8](repeating: 1, count: 17)) == nil)
    }

    @Test func rootHashGivesThePartitionPairOfTheSpecification() throws {
        let hash = try #require(Digest(hex: "00112233445566778899aabbccddeeff0123456789abcdeffedcba9876543210"))
        #expect(GUID.halves(of: hash).data.description == "00112233-4455-6677-8899-aabbccddeeff")
        #expect(GUID.halves(of: hash).hashTree.description == "01234567-89ab-cdef-fedc-ba9876543210")
    }

    @Test func derivedGUIDDependsOnSeedAndNameAlone() {
        let guid = GUID.derived(from: Array("seed".utf8), name: "root-b")
        #expect(guid == GUID.derived(from: Array("seed".utf8), name: "root-b"))
        // printf '\4\0\0\0\0\0\0\0seedroot-b' | sha256sum, with version 8 and variant 10 set
        #expect(guid.description == "0fc1418a-1b40-82a1-8e95-139d68a46a1a")
        #expect(guid != GUID.derived(from: Array("seedr".utf8), name: "oot-b"))
        #expect(guid.bytes[6] >> 4 == 8)
        #expect(guid.bytes[8] >> 6 == 0b10)
    }
}
