import Glibc
import LinuxSystem
import Synchronization
import Testing

@testable import VirtualMachine

/// Listens on a socket and plays a script: sends each part, and reads a line before the next.
private final class FakeQEMU: Sendable {
    let path: String
    private let listener: Descriptor
    private let script: [String]
    /// The lines that the client sent.
    let received = Mutex<[String]>([])

    init(_ directory: borrowing TemporaryDirectory, script: [String]) throws {
        path = directory.path + "/qmp"
        self.script = script
        listener = Descriptor(adopting: socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0), name: path)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let path = path
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let bound = withUnsafeBytes(of: &address) { bytes in
            bind(listener.rawValue, bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(bytes.count))
        }
        try #require(bound == 0 && listen(listener.rawValue, 1) == 0)
        var thread = pthread_t()
        let context = Unmanaged.passRetained(self).toOpaque()
        let started = pthread_create(
            &thread, nil,
            { context in
                guard let context else { return nil }
                Unmanaged<FakeQEMU>.fromOpaque(context).takeRetainedValue().serve()
                return nil
            }, context)
        try #require(started == 0)
        pthread_detach(thread)
    }

    private func serve() {
        let client = Descriptor(adopting: accept(listener.rawValue, nil, nil), name: "client")
        for part in script {
            let bytes = Array(part.utf8)
            guard send(client.rawValue, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count else { return }
            guard let line = readLine(client) else { return }
            received.withLock { $0.append(line) }
        }
    }

    private func readLine(_ client: borrowing Descriptor) -> String? {
        var line: [UInt8] = []
        var byte: UInt8 = 0
        while recv(client.rawValue, &byte, 1, 0) == 1 {
            if byte == UInt8(ascii: "\n") { return String(decoding: line, as: UTF8.self) }
            line.append(byte)
        }
        return nil
    }
}

@Suite struct QMPClientTests {
    private static let greeting =
        #"{"QMP": {"version": {"qemu": {"micro": 2, "minor": 0, "major": 10}}, "capabilities": ["oob"]}}"#
    private static let done = #"{"return": {}}"# + "\r\n"

    @Test func answersAreToldFromEvents() throws {
        let directory = try TemporaryDirectory()
        let event = #"{"timestamp": {"seconds": 1}, "event": "POWERDOWN", "data": {"return": 1, "error": "}\"{"}}"#
        let fake = try FakeQEMU(
            directory,
            script: [
                Self.greeting + "\r\n", Self.done, event + "\n" + Self.done, event + "\n" + event + "\n" + Self.done,
                "",
            ])
        var client = try QMPClient.connect(fake.path)
        try client.powerDown()
        try client.reset()
        #expect(
            fake.received.withLock { $0 } == [
                #"{"execute": "qmp_capabilities"}"#, #"{"execute": "system_powerdown"}"#,
                #"{"execute": "system_reset"}"#,
            ])
    }

    @Test func refusalCarriesQEMUsReason() throws {
        let directory = try TemporaryDirectory()
        let refusal = #"{"error": {"class": "GenericError", "desc": "not \"now\""}}"# + "\n"
        let fake = try FakeQEMU(directory, script: [Self.greeting + "\n", Self.done, refusal, ""])
        var client = try QMPClient.connect(fake.path)
        #expect(throws: MachineError.monitor(#"QEMU refused quit: not "now""#)) { try client.quit() }
    }

    @Test(arguments: ["SSH-2.0-OpenSSH\n", "{}\n", "{\"QMP\"\n", "\n", #"["QMP"]"# + "\n"])
    func anotherProtocolIsNoticed(greeting: String) throws {
        let directory = try TemporaryDirectory()
        let fake = try FakeQEMU(directory, script: [greeting])
        #expect(throws: MachineError.monitor("\(fake.path): whoever listens here does not speak QMP")) {
            _ = try QMPClient.connect(fake.path)
        }
    }

    @Test func silenceAndAClosedConnectionAreErrors() throws {
        let directory = try TemporaryDirectory()
        let silent = try FakeQEMU(directory, script: [""])
        #expect(throws: MachineError.monitor("\(silent.path): QEMU did not answer in time")) {
            _ = try QMPClient.connect(silent.path, timeoutSeconds: 1)
        }
        let other = try TemporaryDirectory()
        let closing = try FakeQEMU(other, script: [])
        #expect(throws: MachineError.monitor("\(closing.path): QEMU closed the connection")) {
            _ = try QMPClient.connect(closing.path)
        }
        #expect(throws: SystemError.self) { _ = try QMPClient.connect(directory.path + "/nobody") }
    }

    @Test func commandToAQEMUThatIsGoneIsAnError() throws {
        let directory = try TemporaryDirectory()
        // After its last answer the fake closes.
        let fake = try FakeQEMU(directory, script: [Self.greeting + "\n", Self.done])
        var client = try QMPClient.connect(fake.path)
        #expect(throws: MachineError.self) { try client.quit() }
        #expect(throws: (any Error).self) { try client.quit() }
    }

    @Test func endlessLineIsRefused() throws {
        let directory = try TemporaryDirectory()
        let fake = try FakeQEMU(directory, script: [String(repeating: "x", count: 2 << 20)])
        #expect(throws: MachineError.monitor("\(fake.path): a line of the answer is longer than 1 MiB")) {
            _ = try QMPClient.connect(fake.path)
        }
    }

    @Test func topLevelOfAnObjectIsRead() {
        func value(_ text: String, _ name: String) -> String? {
            JSONObject(Array(text.utf8)).value(name).map { String(decoding: $0, as: UTF8.self) }
        }
        #expect(value(#"{"a": 1, "b": [1, {"a": 2}], "c": "x\ny"}"#, "b") == #"[1, {"a": 2}]"#)
        #expect(value(#"{"a": 1, "b": [1, {"a": 2}], "c": "x\ny"}"#, "c") == "x\ny")
        #expect(value(#"{"a": {"b": "}"}}"#, "b") == nil)
        #expect(value(#"{"a": "b"}"#, "b") == nil)
        for bad in [
            "", "{", "}", "{\"a\"", "{\"a\":", "{\"a\":}", "{\"a\":1", "{\"a\":\"", "{\"a\":\"\\", "{a:1}", "[1]",
            "{\"a\" 1}",
        ] {
            #expect(value(bad, "a") == nil, "\(bad)")
        }
    }
}
