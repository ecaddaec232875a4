internal import Glibc

/// Explains paths by patterns. All patterns are matched at once, along with the walk through the tree: a directory is
/// looked up once, whatever the number of rules.
struct PathRules: Sendable {
    /// What else must hold of a path.
    enum Condition: Sendable, Equatable {
        case any
        case file
        case directory
        /// A symlink whose target begins so, or any.
        case symlink([String])

        static let symlink = Condition.symlink([""])
    }

    struct Rule: Sendable {
        var cause: Finding.Cause
        var reason: String
        var condition: Condition
    }

    /// A place in the patterns that the components so far lead to.
    private struct State: Sendable {
        var literals: [[UInt8]: Int32] = [:]
        var globs: [(pattern: [UInt8], next: Int32)] = []
        /// The rules that hold here, the first of them before all others.
        var rules: [Int32] = []
        /// Reached by `**`: any further component stays here.
        var isLoop = false
    }

    private(set) var rules: [Rule] = []
    private var states: [State] = [State()]

    /// The places of the root.
    static let start: [Int32] = [0]

    /// Adds a rule; of several that hold for a path the one that was added first counts.
    ///
    /// - Parameter pattern: an absolute path. In a component `*`, `?` and `[…]` stand for what they do in a shell, dots
    ///   included; `**` stands for one or more components; `{a,b}` for either.
    mutating func add(
        _ pattern: String, _ cause: Finding.Cause, _ reason: String, if condition: Condition = .any
    ) {
        let rule = Int32(rules.count)
        rules.append(Rule(cause: cause, reason: reason, condition: condition))
        for pattern in Self.expandBraces(Array(pattern.utf8)) {
            let components = pattern.split(separator: UInt8(ascii: "/")).map { Array($0) }
            insert(components[...], at: 0, rule)
        }
    }

    private mutating func insert(_ components: ArraySlice<[UInt8]>, at state: Int32, _ rule: Int32) {
        guard let first = components.first else {
            states[Int(state)].rules.append(rule)
            return
        }
        let rest = components.dropFirst()
        if first.elementsEqual("**".utf8) {
            let next = step(from: state, [UInt8(ascii: "*")], isGlob: true, isLoop: true)
            insert(rest, at: next, rule)
            if !rest.isEmpty { insert(rest, at: state, rule) }
            return
        }
        let isGlob = first.contains { [UInt8(ascii: "*"), UInt8(ascii: "?"), UInt8(ascii: "[")].contains($0) }
        insert(rest, at: step(from: state, first, isGlob: isGlob, isLoop: false), rule)
    }

    private mutating func step(from state: Int32, _ component: [UInt8], isGlob: Bool, isLoop: Bool) -> Int32 {
        let known =
            isGlob
            ? states[Int(state)].globs.first { $0.pattern == component && states[Int($0.next)].isLoop == isLoop }?.next
            : states[Int(state)].literals[component]
        if let known { return known }
        let next = Int32(states.count)
        states.append(State(isLoop: isLoop))
        if isGlob {
            states[Int(state)].globs.append((component, next))
        } else {
            states[Int(state)].literals[component] = next
        }
        return next
    }

    /// The places that a component leads to.
    func advance(_ active: [Int32], _ name: PathTree.Bytes) -> [Int32] {
        if active.isEmpty { return [] }
        var result: [Int32] = []
        var key: [UInt8]?
        for index in active {
            let state = states[Int(index)]
            if state.isLoop { result.append(index) }
            if !state.literals.isEmpty {
                let literal = key ?? Array(name)
                key = literal
                if let next = state.literals[literal] { result.append(next) }
            }
            for glob in state.globs where globMatches(glob.pattern[...], name[...]) { result.append(glob.next) }
        }
        return result
    }

    /// The rule that explains a path at these places; nil if none does.
    func rule(at active: [Int32], where holds: (Condition) -> Bool) -> Int32? {
        var best: Int32?
        for state in active {
            for rule in states[Int(state)].rules where rule < best ?? .max && holds(rules[Int(rule)].condition) {
                best = rule
            }
        }
        return best
    }

    /// `{a,b}` in a pattern, not nested; a brace without its partner stands for itself.
    private static func expandBraces(_ pattern: [UInt8]) -> [[UInt8]] {
        guard let open = pattern.firstIndex(of: UInt8(ascii: "{")),
            let close = pattern[open...].firstIndex(of: UInt8(ascii: "}"))
        else { return [pattern] }
        let choices = pattern[(open + 1)..<close].split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
        return choices.flatMap { choice in
            expandBraces(Array(pattern[(close + 1)...])).map { pattern[..<open] + choice + $0 }
        }
    }
}

/// Whether a text is what a pattern of the shell describes. Slashes are letters as any other (fnmatch(3) without flags).
func globMatches(_ pattern: ArraySlice<UInt8>, _ text: Slice<UnsafeBufferPointer<UInt8>>) -> Bool {
    var pattern = pattern
    var text = text
    // Where to go on if what follows the last star does not match: the star takes one more letter.
    var retry: (pattern: ArraySlice<UInt8>, text: Slice<UnsafeBufferPointer<UInt8>>)?
    while true {
        if pattern.first == UInt8(ascii: "*") {
            pattern = pattern.dropFirst()
            retry = (pattern, text)
            continue
        }
        if let letter = text.first, let rest = matchOne(pattern, letter) {
            pattern = rest
            text = text.dropFirst()
            continue
        }
        if text.isEmpty && pattern.isEmpty { return true }
        guard let last = retry, !last.text.isEmpty else { return false }
        pattern = last.pattern
        text = last.text.dropFirst()
        retry = (pattern, text)
    }
}

/// What is left of a pattern that does not begin with a star once its first part has taken a letter; nil if it does not.
private func matchOne(_ pattern: ArraySlice<UInt8>, _ letter: UInt8) -> ArraySlice<UInt8>? {
    guard let first = pattern.first else { return nil }
    let rest = pattern.dropFirst()
    switch first {
    case UInt8(ascii: "?"): return rest
    case UInt8(ascii: "\\"): return rest.first == letter ? rest.dropFirst() : nil
    case UInt8(ascii: "["):
        var members = rest
        let isNegated = members.first == UInt8(ascii: "!") || members.first == UInt8(ascii: "^")
        if isNegated { members = members.dropFirst() }
        var isMember = false
        var isFirst = true
        while let low = members.first, isFirst || low != UInt8(ascii: "]") {
            members = members.dropFirst()
            isFirst = false
            var high = low
            if members.first == UInt8(ascii: "-"), let end = members.dropFirst().first, end != UInt8(ascii: "]") {
                high = end
                members = members.dropFirst(2)
            }
            if low <= letter && letter <= high { isMember = true }
        }
        // Without its end it is no class but a bracket.
        guard !members.isEmpty else { return letter == first ? rest : nil }
        return isMember != isNegated ? members.dropFirst() : nil
    default: return first == letter ? rest : nil
    }
}
