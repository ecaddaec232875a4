import Controller
import LinuxSystem
import SlotMachine

extension FuzzTarget {
    /// What the controller finds on the data partition and on the EFI system partition.
    static let controllers = [record, menuEntry, signatures]

    private static let record = FuzzTarget(
        "controller-record",
        words: [
            "pisces-record 1\n", "sequence ", "phase ", "good a ", "failure rolled-back ", "written 0\n", "=", "\n",
        ],
        seeds: {
            let candidate = Candidate(name: "a b", release: 3, kernelImage: "k")
            var record = Record(good: Installation(Generation(number: 7, candidate), in: .a), floor: 1, lastNumber: 8)
            record.target = Generation(number: 8, candidate)
            record.failures = [Failure(Generation(number: 5, candidate), .exhausted)]
            let bytes = RecordCopy(sequence: 4, record: record).bytes
            return [Array(bytes.dropFirst(74).prefix { $0 != 0 })]
        },
        read: { input in
            // The checksum would refuse all that a fuzzer thinks of.
            let room = RecordCopy.sizeBytes - 74
            let body = input.prefix(room) + [UInt8](repeating: 0, count: max(0, room - input.count))
            let copy = try RecordCopy(parsing: Array("checksum \(SHA256.hash(body))\n".utf8) + body)
            guard copy.record.failures.count <= Record.failuresLimit else {
                throw BrokenLaw("no more failures than the limit are read")
            }
        })

    private static let menuEntry = FuzzTarget(
        "menu-entry", words: [".conf", "+3", "-1", "linux ", "sort-key ", "version ", "~", "^", "machine-id "],
        seeds: { [joined("pisces-7+3.conf", "linux /a\nversion 7~rc1\nsort-key pisces\n", "pisces-6.conf")] },
        read: { input in
            let parts = parts(input, 3)
            let entries = [(parts[0], parts[1]), (parts[2], parts[1])].compactMap {
                MenuEntry(fileName: text($0.0), bytes: $0.1)
            }
            guard BootMenu.sorted(entries).count == entries.count else { throw BrokenLaw("sorting loses no entry") }
            for entry in entries {
                guard let tries = entry.tries else { continue }
                let next = MenuEntry(fileName: entry.nameOnceTried, bytes: parts[1])
                guard next?.identifier == entry.identifier, next?.tries?.left == max(0, tries.left - 1) else {
                    throw BrokenLaw("a boot takes one try and nothing else: \(entry.fileName)")
                }
            }
        })

    private static let signatures = FuzzTarget(
        "signatures", words: ["0123456789abcdef ", "\n", " "],
        seeds: { [try signatureLine()] },
        read: { input in
            let store = try TrustStore(directories: [])
            do { _ = try store.signer(of: [1], signatures: input) } catch let error as ControllerError {
                guard error.kind == .trust else { throw BrokenLaw("a signature is refused as such") }
                return
            }
            throw BrokenLaw("who trusts nobody takes no signature")
        })

    private static func signatureLine() throws -> [UInt8] {
        Array(try TrustStore.signature(of: [1], by: Ed25519PrivateKey.generate()).utf8)
    }
}
