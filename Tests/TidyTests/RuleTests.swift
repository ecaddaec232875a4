import Testing

@Suite("The repository is tidy")
struct RuleTests {
    @Test("Every file obeys", arguments: Rule.all)
    func obeyed(_ rule: Rule) throws {
        for file in try Repository.files.get() where rule.applies(file.path) {
            for (line, problem) in rule.violations(file) { Issue.record("\(file.path):\(line): \(problem)") }
        }
    }

    @Test("The rule catches its offender and spares its innocent", arguments: Rule.all)
    func canFail(_ rule: Rule) {
        #expect(rule.applies(rule.offender.path))
        #expect(rule.violations(rule.offender).count == 1)
        #expect(rule.violations(rule.innocent).isEmpty)
    }
}
