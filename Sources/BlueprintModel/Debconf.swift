extension TextRule {
    // debconf(7) has names of any characters; these are those of Debian's packages.
    static let questionName = characters(
        "the name of a question", "letters, digits and any of \"/_.+:@-\", first a letter or digit",
        first: "A-Za-z0-9", rest: "A-Za-z0-9/_.+:@-", length: 1...256)

    // What debconf-set-selections(1) reads and debconf's database gives back: there a "\n" of two characters is a line
    // break.
    static let answer = TextRule(
        article: "an answer", form: "one line without control characters and \"\\n\", its end no \"\\\"",
        isNumeric: true, isBoolean: true
    ) { text in
        let bytes = Array(text.utf8)
        return !hasControlCharacters(text) && bytes.last != UInt8(ascii: "\\") && bytes.count < 4096
            && !zip(bytes, bytes.dropFirst()).contains { $0 == (UInt8(ascii: "\\"), UInt8(ascii: "n")) }
    }
}

extension Blueprint {
    /// Answers to packages' questions: the package, the question, and what debconf(7) has as its value.
    static let debconfCodec = Codec<[String: [String: String]]>
        .map(.packageName, .map(.questionName, .text(.answer)))
        // A package without answers says nothing.
        .converted(to: { answers, _, _ in answers.filter { !$0.value.isEmpty } }, from: { $0 })
}
