import Glibc
import LinuxSystem
import PiscesTesting
import Testing

/// Several constructions at once, and what else may use the output's place meanwhile.
extension SystemTests {
    @Suite struct TogetherTests {
        private let site: Site

        init() throws { site = try Site.shared.get() }

        /// What is in the output directory in the end.
        private let beside = ["node.cdx.json", "node.manifest.json", "node.raw", "node.spdx.json"]

        /// One blueprint, lock, cache, store and output for both: the worst case of all.
        @Test func twoConstructionsOfOneOutputBothSucceed() throws {
            let folder = try site.makeFolder("together")
            try site.warm(folder)
            let construct = folder.construct(site.mirror)
            let outcomes = try parallelMap(count: 2) { _ in try construct.outcome() }
            for outcome in outcomes { #expect(outcome.status == .exited(0), "\(outcome.errors)") }
            #expect(try folder.outputs() == beside)
            #expect(try differences(between: site.image, and: folder.output) == [])
            for name in ["temporary", "corrupt"] {
                #expect(try Descriptor.directory("\(folder.store)/\(name)").entries() == [])
            }
        }

        @Test(arguments: ["node.raw", "node.manifest.json"])
        func folderInTheOutputsPlaceIsRefusedBeforeAnythingIsFetched(_ name: String) throws {
            let folder = try site.makeFolder("taken-\(name)")
            try makeDirectories("\(folder.path)/out/\(name)")
            let outcome = try folder.construct(site.mirror).outcome()
            #expect(outcome.status == .exited(1))
            for words in ["\(folder.path)/out/\(name)", "s a directory"] {
                #expect(outcome.errors.contains(words), "\(outcome.errors)")
            }
            #expect(!outcome.errors.contains("fetch packages"))
            #expect(try folder.outputs() == [name])
        }

        @Test func outputFolderThatGoesAwayMeanwhileIsNamed() throws {
            let folder = try site.makeFolder("gone-output")
            try site.warm(folder)
            let construct = folder.construct(site.mirror)
            let (status, said) = try construct.interrupt(during: "verify image", after: "make data partition") { _ in
                try run("rmdir", "\(folder.path)/out")
            }
            #expect(status == .exited(1))
            #expect(said.contains("\(folder.path)/out") && said.contains("No such file or directory"), "\(said)")
            try makeDirectories("\(folder.path)/out")
            let outcome = try construct.outcome()
            #expect(outcome.status == .exited(0), "\(outcome.errors)")
            #expect(try folder.outputs() == beside)
        }

        /// A construction that fails leaves the image of an earlier one as it was.
        @Test func failureLeavesAnEarlierImageAlone() throws {
            let folder = try site.makeFolder("earlier")
            try site.warm(folder)
            try write("an earlier image", to: folder.output)
            let (status, _) = try folder.construct(site.mirror + ["--force"]).interrupt(
                during: "verify image", after: "make data partition"
            ) {
                kill(-$0, SIGKILL)
            }
            #expect(status == .signalled(SIGKILL))
            #expect(try fileText(folder.output) == "an earlier image")
            #expect(try folder.outputs() == ["node.raw"])
        }
    }
}
