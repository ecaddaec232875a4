import Glibc
import LinuxSystem
import PiscesTesting
import Testing

extension SystemTests {
    /// What is taken from the cache is what would have been made.
    @Suite(.serialized) struct CacheTests {
        /// The files of the cache that the first construction left, the largest first: configured packages.
        private func entries() throws -> [String] {
            let directory = "\(try Site.shared.get().folder.cache)/pisces/build"
            let paths = try Descriptor.directory(directory).entries().map { "\(directory)/\($0)" }
            let sizes = try paths.map { try Descriptor.open($0).status().size }
            return zip(paths, sizes).sorted { $0.1 > $1.1 }.map(\.0)
        }

        /// Constructs the shared blueprint once more; returns which of the first steps it took.
        private func construct(_ name: String, _ options: [String] = []) throws -> [String] {
            let site = try Site.shared.get()
            try makeDirectories(site.scratch)
            let image = "\(site.scratch)/\(name).raw"
            let outcome = try site.folder.command(
                "construct", ["-o", image, "--json", "--store", "\(site.folder.path)/store"] + site.mirror + options
            ).outcome()
            #expect(outcome.status == .exited(0), "\(outcome.errors)")
            #expect(try differences(between: site.image, and: image) == [])
            return ["restore configured packages", "unpack packages", "configure packages"].filter {
                outcome.errors.contains("{\"event\":\"began\",\"step\":\"\($0)\"}")
            }
        }

        @Test func configuredPackagesAreTakenFromTheCache() throws {
            #expect(try construct("restored") == ["restore configured packages"])
        }

        @Test func aDamagedEntryIsMadeAnew() throws {
            let largest = try #require(try entries().first)
            let file = try Descriptor.open(largest, O_RDWR)
            let byte = try file.bytes(at: 100_000_000, count: 1)
            try file.writeAll([byte[0] ^ 1], at: 100_000_000)
            // From decompressed packages and the results of tools, which are there.
            #expect(try construct("remade") == ["unpack packages", "configure packages"])
            #expect(try entries().first == largest)
            #expect(try construct("restored again") == ["restore configured packages"])
        }

        @Test func withoutACacheNothingIsTakenOrLeft() throws {
            let before = try entries()
            #expect(try construct("uncached", ["--no-cache"]) == ["unpack packages", "configure packages"])
            #expect(try entries() == before)
        }

        @Test func theCacheKeepsToItsLimit() throws {
            let site = try Site.shared.get()
            let folder = try site.makeFolder("limited")
            let outcome = try folder.construct(site.mirror + ["--cache-limit", "0"]).outcome()
            #expect(outcome.status == .exited(0), "\(outcome.errors)")
            #expect(try Descriptor.directory("\(folder.cache)/pisces/build").entries() == [])
        }
    }
}
