/// A form that holds the bytes of a file: as text, as base64, or by the name of a file beside the document. As a value
/// all three are the same: only the bytes count.
protocol ContentsHolder: Sendable {
    var text: String? { get set }
    var base64: [UInt8]? { get set }
    var source: [UInt8]? { get set }
}

extension ContentsHolder {
    var bytes: [UInt8]? {
        get { text.map { Array($0.utf8) } ?? base64 ?? source }
        set {
            if let newValue, !newValue.contains(0), let text = String(validating: newValue, as: UTF8.self) {
                self.text = text
            } else {
                base64 = newValue
            }
        }
    }

    /// The keys, for a record of this form.
    static var contentsKeys: [Key<Self>] {
        [
            Key("text", \Self.text, .text(.text), "The contents, as text.", alternative: "text"),
            Key("base64", \Self.base64, .base64, "The contents, as base64.", alternative: "base64"),
            Key(
                "source", \Self.source, .source,
                "The file with the contents, relative to this document; its bytes become part of the blueprint.",
                alternative: "source"),
        ]
    }
}

/// Nothing but contents.
private struct ContentsForm: ContentsHolder {
    var text: String?
    var base64: [UInt8]?
    var source: [UInt8]?
}

extension Codec where Value == [UInt8] {
    static var base64: Codec {
        Codec<String>.text(.base64).converted(
            to: { text, node, decoding in Base64.decode(text).flatMap { decoding.withoutSecrets($0, node.mark) } },
            from: Base64.encode)
    }

    /// The bytes of a file that the document names; the name is gone afterwards.
    static var source: Codec {
        Codec<String>.text(.relativePath).converted(
            to: { path, node, decoding in
                do throws(Decoding.Unreadable) {
                    return decoding.withoutSecrets(try decoding.read(path, node.mark), node.mark)
                } catch {
                    decoding.report(node.mark, "cannot read \(quoted(path)): \(error.reason)")
                    return nil
                }
            }, from: Base64.encode)
    }

    /// A mapping with one of `text`, `base64` and `source`.
    static func contents(_ noun: String, shorthand: RecordShape.Shorthand? = nil) -> Codec {
        Codec<ContentsForm>.record(noun, ContentsForm(), shorthand: shorthand, ContentsForm.contentsKeys)
            .converted(
                to: { form, _, _ in form.bytes },
                from: { bytes in
                    var form = ContentsForm()
                    form.bytes = bytes
                    return form
                })
    }

    /// Contents that must be text, such as a unit.
    static func textContents(_ noun: String) -> Codec {
        contents(noun).converted(
            to: { bytes, node, decoding in
                if !bytes.contains(0), String(validating: bytes, as: UTF8.self) != nil { return bytes }
                decoding.report(node.mark, "wanted text in UTF-8 without NUL")
                return nil
            }, from: { $0 })
    }
}

extension Decoding {
    /// The bytes, unless they hold a secret.
    mutating func withoutSecrets(_ bytes: [UInt8], _ mark: Mark) -> [UInt8]? {
        guard let kind = Secrets.kind(in: bytes) else { return bytes }
        report(mark, "this holds \(kind)\(Secrets.advice)")
        return nil
    }
}
