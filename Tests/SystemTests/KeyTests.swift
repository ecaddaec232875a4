import BlueprintModel
import LinuxSystem
import PiscesTesting
import Testing

extension SystemTests {
    /// `pisces key`: keys and trust, as an operator meets them.
    @Suite final class KeyTests {
        private let scratch: TemporaryDirectory
        private var trust: String { scratch.path + "/trust.d" }

        init() throws { scratch = try TemporaryDirectory() }

        private func key(_ arguments: String...) throws -> Outcome {
            try piscesCommand(["key"] + arguments, in: scratch.path).outcome()
        }

        private func json(_ outcome: Outcome) throws -> JSONValue {
            try JSONValue(parsing: Array(outcome.output.utf8), file: "output")
        }

        @Test func keyIsTrustedAndRevoked() throws {
            let made = try key("generate", "mine")
            #expect(made.status == .exited(0) && made.errors.contains("have machines trust mine.pem"))
            let id = String(made.output.dropLast())
            #expect(try key("list", "--directory", trust).output == "")
            #expect(try key("trust", "mine.pem", "--directory", trust).output == "\(id)  trusted\n")
            #expect(try key("list", "--directory", trust).output == "\(id)  trusted  \(trust)/\(id).pem\n")
            #expect(try key("revoke", id, "--directory", trust).output == "\(id)  revoked\n")
            try write("no key", to: "\(trust)/other.pem")
            let list = try key("list", "--directory", trust)
            #expect(list.outputLines.first == "\(id)  revoked  \(trust)/\(id).revoked")
            #expect(list.outputLines.last?.hasPrefix("ignored  \(trust)/other.pem: ") == true)
            #expect(list.errors.contains("no key is trusted"))
            let told = try json(try key("list", "--directory", trust, "--json"))
            #expect(told["keys"]?.array?.first?["state"] == "revoked" && told["ignored"]?.array?.count == 1)
        }

        @Test func mistakesAreNamed() throws {
            #expect(try key("generate", "mine").status == .exited(0))
            let again = try key("generate", "mine")
            #expect(again.status == .exited(1) && again.errors.contains("mine: File exists"))
            #expect(try key("trust", "mine", "--directory", trust).errors.contains("mine"))
            #expect(try key("revoke", "xyz", "--directory", trust).errors.contains("16 hexadecimal digits"))
            #expect(try key("sign", "gone.json", "--key", "mine").errors.contains("gone.json: No such file"))
            try write("{}", to: "\(scratch.path)/m.json")
            #expect(
                try key("sign", "m.json", "--key", "mine.pem").errors.contains("mine.pem: there is no PEM private key"))
            #expect(try Descriptor.directory(scratch.path).entries().allSatisfy { !$0.hasSuffix(".sig") })
        }

        @Test func severalSignOneManifest() throws {
            try write("{}\n", to: "\(scratch.path)/m.json")
            var ids: [String] = []
            for name in ["a", "b"] {
                ids.append(String(try key("generate", name).output.dropLast()))
                #expect(try key("sign", "m.json", "--key", name, "--json").output.contains(ids[ids.count - 1]))
            }
            _ = try key("sign", "m.json", "--key", "b")
            let lines = try fileText("\(scratch.path)/m.json.sig").split(separator: "\n")
            #expect(lines.map { String($0.prefix(16)) } == ids)
            // By another program.
            let digits = lines[1].dropFirst(17)
            try run(
                "sh", "-euc",
                "cd \(scratch.path) && echo \(digits) | python3 -c "
                    + "'import sys; sys.stdout.buffer.write(bytes.fromhex(sys.stdin.read().strip()))' > s && "
                    + "openssl pkeyutl -verify -pubin -inkey b.pem -rawin -in m.json -sigfile s")
        }
    }
}
