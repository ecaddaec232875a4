import PiscesTesting
import Testing

@testable import Constructor

@Suite struct PristineSumsTests {
    private let old = String(repeating: "a", count: 32)
    private let new = String(repeating: "b", count: 32)

    @Test func onlyTheSumsOfThatPackageChange() {
        let status = { (sum: String) in
            Array(
                """
                Package: one
                Status: install ok installed
                Conffiles:
                 /etc/a \(sum)
                 /etc/a b \(old) obsolete
                 /etc/ab \(old)
                Description: of /etc/a
                 /etc/a \(old)

                Package: two
                Conffiles:
                 /etc/a \(old)

                """.utf8)
        }
        #expect(Configure.status(status(old), with: ["one": ["/etc/a": new]]) == status(new))
        #expect(Configure.status(status(old), with: ["three": ["/etc/a": new]]) == status(old))
    }

    @Test func whatFollowsASumStays() {
        let status = { (sum: String) in Array("Package: one\nConffiles:\n /etc/a b \(sum) obsolete\n".utf8) }
        #expect(Configure.status(status(old), with: ["one": ["/etc/a b": new]]) == status(new))
        let odd = Array("Package: one\nConffiles:\n /etc/a newconffile\n".utf8)
        #expect(Configure.status(odd, with: ["one": ["/etc/a": new]]) == odd)
    }
}
