import LinuxSystem
import PiscesTesting
import Testing

@testable import Health

@Suite struct HookTests {
    private static let context = Hooks.Context(generation: 9, slot: "b", name: "gateway")

    @Test func hooksAreRunInByteOrderAndToldWhereTheyAre() throws {
        let site = try Site()
        let line = "echo ${0##*/} $PISCES_POINT $PISCES_GENERATION $PISCES_SLOT $PISCES_NAME >>\(site.path)/log"
        for name in ["b", "B", "10", "9", "c.sh"] { try site.script(line, "flip-before.d/\(name)") }
        try site.script(line, "flip-after.d/a")
        let warnings = try Hooks(root: site.path).run(.flipBefore, Self.context)
        #expect(try site.read("log") == ["10", "9", "B", "b"].map { "\($0) flip-before 9 b gateway\n" }.joined())
        #expect(warnings.count == 1 && warnings[0].contains("c.sh"))
    }

    @Test func theEnvironmentIsPlain() throws {
        let site = try Site()
        try site.script("env | cut -d= -f1 | sort | tr '\\n' ' ' >\(site.path)/log", "healthy.d/a")
        #expect(try Hooks(root: site.path).run(.healthy, Self.context) == [])
        #expect(
            try site.read("log")
                == "LC_ALL PATH PISCES_GENERATION PISCES_NAME PISCES_POINT PISCES_SLOT PWD TZ ")
    }

    @Test(arguments: Hooks.Point.allCases) func aHookThatFailsForbidsOnlyWhatIsAhead(point: Hooks.Point) throws {
        let site = try Site()
        try site.script("echo one; echo two >&2; exit 7", "\(point.rawValue).d/a")
        try site.script(": >\(site.path)/later", "\(point.rawValue).d/b")
        let hooks = Hooks(root: site.path)
        if ["upgrade-before", "flip-before", "rollback-before"].contains(point.rawValue) {
            #expect {
                try hooks.run(point, Self.context)
            } throws: { error in
                let error = error as? HookError
                return error?.path == "\(site.path)/\(point.rawValue).d/a" && error?.status == "exit status 7"
                    && error?.description.hasSuffix("a: exit status 7\n  one\n  two") == true
            }
            #expect(!site.exists("later"))
        } else {
            let warnings = try hooks.run(point, Self.context)
            #expect(warnings.count == 1 && warnings[0].contains("a: exit status 7"))
            #expect(site.exists("later"))
        }
    }

    @Test func aHookThatHangsIsEnded() throws {
        let site = try Site()
        try site.script("trap '' TERM; echo here; while :; do sleep 600; done", "upgrade-before.d/a")
        var hooks = Hooks(root: site.path)
        #expect(hooks.limitMilliseconds == 60_000)
        hooks.limitMilliseconds = 1000
        #expect {
            try hooks.run(.upgradeBefore, Self.context)
        } throws: { error in
            "\(error)".contains("it did not end within 1 s, and was killed\n  here")
        }
    }

    @Test func noDirectoryMeansNoHooksAndABrokenOneForbids() throws {
        let site = try Site()
        let hooks = Hooks(root: site.path)
        for point in Hooks.Point.allCases { #expect(try hooks.run(point, Self.context) == []) }
        try makeDirectories("\(site.path)/healthy.d")
        #expect(try hooks.run(.healthy, Self.context) == [])
        for point in Hooks.Point.allCases where point != .healthy {
            try site.write("", to: "\(point.rawValue).d")
            if point.isBefore {
                #expect(throws: HookError.self) { try hooks.run(point, Self.context) }
            } else {
                #expect(try hooks.run(point, Self.context).count == 1)
            }
        }
    }
}
