import FuzzTargets
import LinuxSystem
import Testing

/// What fuzzing once found stays found: a trap here ends the whole run, a broken law fails the test.
@Suite struct ReplayTests {
    /// A folder for each target, a file for each input.
    private static let fixtures = "\(parentDirectory(of: #filePath))/Fixtures"

    @Test(arguments: FuzzTarget.all.map(\.name)) func seedsAreRead(_ name: String) throws {
        let target = try #require(FuzzTarget.all.first { $0.name == name })
        let seeds = try target.seeds()
        #expect(!seeds.isEmpty)
        for (number, seed) in seeds.enumerated() {
            #expect(throws: Never.self, "seed \(number) of \(name)") { try target.read(seed) }
        }
    }

    @Test func everyFolderOfFixturesBelongsToATarget() throws {
        let known = Set(FuzzTarget.all.map(\.name))
        #expect(known.count == FuzzTarget.all.count)
        #expect(try Descriptor.directory(Self.fixtures).entries().filter { !known.contains($0) } == [])
    }

    @Test(arguments: (try? Descriptor.directory(fixtures).entries()) ?? [])
    func whatWasFoundIsReadOrRefused(_ name: String) throws {
        let target = try #require(FuzzTarget.all.first { $0.name == name })
        for file in try Descriptor.directory("\(Self.fixtures)/\(name)").entries() {
            let input = try Descriptor.open("\(Self.fixtures)/\(name)/\(file)").readToEnd()
            do { try target.read(input) } catch let error as BrokenLaw {
                Issue.record("\(name)/\(file): \(error)")
            } catch {}
        }
    }
}
