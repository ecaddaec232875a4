extension TextRule {
    // update-alternatives(1) itself forbids "/" and white space only; these are the characters that Debian's names have.
    static let alternativeName = characters(
        "the name of an alternative", "letters, digits and any of \"_.+:@-\", first a letter, a digit or \"_\"",
        first: "A-Za-z0-9_", rest: "A-Za-z0-9_.+:@-", length: 1...128)
}

extension Blueprint {
    /// What update-alternatives(1) is told by hand: the name of a group, and the path that its link is to lead to.
    static let alternativesCodec = Codec<[String: String]>.map(.alternativeName, .text(.absolutePath))
}
