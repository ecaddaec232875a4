import ContentStore
import Copier
import Debian
import Glibc
import LinuxSystem
import PiscesTesting
import Testing

/// Where the bytes of installed packages are found.
@Suite final class PackageLadderTests {
    private let directory: TemporaryDirectory
    private let root: DpkgRoot
    private let store: ObjectStore
    /// The package files of which the root was made.
    private let debs: String

    init() throws {
        directory = try TemporaryDirectory()
        root = try DpkgRoot()
        store = try ObjectStore("\(directory.path)/store")
        debs = parentDirectory(of: root.path)
    }

    private let installed = [
        SystemCopy.Installed(name: "tool", architecture: "all", isManual: true),
        SystemCopy.Installed(name: "other", architecture: "all", isManual: false),
    ]

    private func climb(_ holdings: Holdings = Holdings()) throws -> PackageLadder.Result {
        try PackageLadder(try SourceRoot(path: root.path), store: store, holdings: holdings, epoch: 4_000_000_000)
            .climb(installed)
    }

    /// A package file as a repository's list has it.
    private func listed(_ file: String, version: String, name: String = "tool") throws -> Holdings.File {
        let deb = try Descriptor.open("\(debs)/\(file)")
        return Holdings.File(
            package: LockedPackage(
                name: name, version: try #require(DebianVersion(version)), architecture: "all",
                source: .release("trixie"), filename: "pool/\(file)", size: Int64(try deb.status().size),
                digest: try SHA256.hash(deb)))
    }

    private func found(_ name: String, in result: PackageLadder.Result) throws -> LockedPackage {
        try #require(result.packages.first { $0.name == name })
    }

    @Test func whatNobodyHasIsMadeAgain() throws {
        let result = try climb()
        #expect(result.counts == [.repacked: 2])
        let tool = try found("tool", in: result)
        #expect(tool.source == .system(.repacked) && tool.version.description == "2" && tool.isManual)
        #expect(tool.filename == "tool_2_all.deb" && store.contains(tool.digest))
        #expect(try !found("other", in: result).isManual)
        // It is the same again; the one in the store is none that somebody distributed.
        let again = try climb()
        #expect(again.counts == [.repacked: 2] && again.packages == result.packages)
        try root.shell("echo mine > etc/tool.conf")
        let changed = try found("tool", in: try climb())
        #expect(changed.source == .system(.repacked) && changed.pristine.keys.sorted() == ["/etc/tool.conf"])
    }

    /// A list that has another version, newer or older, is none that has the package.
    @Test func onlyTheVersionThatIsInstalledCounts() throws {
        var holdings = Holdings()
        holdings.files = [try listed("tool-1.deb", version: "1"), try listed("tool-1.deb", version: "3")]
        #expect(try climb(holdings).counts == [.repacked: 2])
        holdings.files.append(try listed("tool-2.deb", version: "2"))
        let result = try climb(holdings)
        let tool = try found("tool", in: result)
        #expect(tool.source == .release("trixie") && tool.filename == "pool/tool-2.deb" && tool.isManual)
        #expect(result.counts[.mirror] == 1)
        try store.put(file: try Descriptor.open("\(debs)/tool-2.deb"))
        #expect(try climb(holdings).counts == [.store: 1, .repacked: 1])
        #expect(try found("tool", in: try climb(holdings)).source == .release("trixie"))
    }

    @Test func theStoreAndTheCacheOfAptAreSearchedWithoutAList() throws {
        try store.put(file: try Descriptor.open("\(debs)/tool-1.deb"))
        try store.put(file: try Descriptor.open("\(debs)/tool-2.deb"))
        try root.shell("mkdir -p var/cache/apt/archives; cp ../other-1.deb var/cache/apt/archives/other_1_all.deb")
        let result = try climb()
        #expect(result.counts == [.store: 2] && result.remarks.isEmpty)
        for (name, file) in [("tool", "tool-2.deb"), ("other", "other-1.deb")] {
            let package = try found(name, in: result)
            #expect(package.source == .system(.installed))
            #expect(package.digest == (try SHA256.hash(try Descriptor.open("\(debs)/\(file)"))), "\(name)")
        }
    }

    /// The same name and version, built by somebody else, is another package.
    @Test func anotherBuildOfTheSameVersionIsNotThatPackage() throws {
        try root.shell(
            "cd ..; cp -a tool-2 mine; echo mine > mine/usr/share/tool/data; dpkg-deb -Znone -b mine mine.deb")
        try store.put(file: try Descriptor.open("\(debs)/mine.deb"))
        let result = try climb()
        #expect(result.counts == [.repacked: 2])
    }

    @Test func aConffileIsTakenFromAnyVersionThatHasIt() throws {
        try store.put(file: try Descriptor.open("\(debs)/nosums-1.deb"))
        try root.shell(
            """
            echo mine > etc/nosums.conf; echo mine > usr/share/nosums/file
            sed -i '/^Package: nosums$/,/^$/s/^Version: 1/Version: 1.1/' var/lib/dpkg/status
            """)
        let source = try SourceRoot(path: root.path)
        let result = try PackageLadder(source, store: store, holdings: Holdings(), epoch: 0).climb([
            .init(name: "nosums", architecture: "all", isManual: true)
        ])
        #expect(result.counts == [.repacked: 1])
        let package = try found("nosums", in: result)
        #expect(package.pristine.isEmpty)
        let packed = try shell("dpkg-deb --fsys-tarfile '\(store.path(of: package.digest))' | tar xO etc/nosums.conf")
        #expect(packed.output == "nosums-1/etc/nosums.conf\n", "\(packed.output)")
    }

    @Test func aPackageWithoutAListIsAnError() throws {
        try root.shell("rm var/lib/dpkg/info/other.list")
        let error = #expect(throws: CopyError.self) { try climb() }
        #expect(error?.description.contains("other.list") == true && error?.hint?.contains("--reinstall") == true)
    }
}
