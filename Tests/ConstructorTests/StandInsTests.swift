import LinuxSystem
import PiscesTesting
import Testing

@testable import Constructor

struct StandInsTests {
    /// Each call says and ends as it does with the program itself.
    @Test(arguments: [
        "rm_conffile /etc/x 1.0~ -- install", "rm_conffile /etc/x 1:2.0-3+b1 -- install", "rm_conffile /etc/x 1 --",
        "rm_conffile etc/x 1.0 -- install", "rm_conffile /etc/x 1_0 -- install", "rm_conffile /etc/x one -- install",
        "rm_conffile /etc/x 1.0 -- install 0.9", "rm_conffile /etc/x 1.0 package -- install", "rm_conffile /etc/x",
        "mv_conffile /etc/x /etc/y 1.0 -- install", "supports rm_conffile", "nothing", "",
    ])
    func dpkgsHelperAnswersAlike(call: String) throws {
        let directory = try TemporaryDirectory()
        try StandIns.write(to: try StagedRoot(path: directory.path))
        let environments = [
            "DPKG_MAINTSCRIPT_NAME=preinst DPKG_MAINTSCRIPT_PACKAGE=x", "DPKG_MAINTSCRIPT_NAME=preinst",
            "DPKG_MAINTSCRIPT_PACKAGE=x", "",
        ]
        for environment in environments {
            let answers = try ["\(directory.path)/early", "/usr/bin"].map { place in
                let result = try Command("sh", ["-c", "\(environment) \(place)/dpkg-maintscript-helper \(call)"])
                    .run(accepting: 0...255)
                return "\(result.status.shellStatus) \(String(decoding: result.errorOutput, as: UTF8.self))"
            }
            #expect(answers[0] == answers[1])
        }
    }

    @Test func whatWasConfiguredBeforeIsLeftToTheProgram() throws {
        let directory = try TemporaryDirectory()
        try StandIns.write(to: try StagedRoot(path: directory.path))
        let script = try StagedRoot(path: directory.path).readText("early/dpkg-maintscript-helper")
            .replacing("exec /usr/bin/dpkg-maintscript-helper", with: "echo")
        let environment = "DPKG_MAINTSCRIPT_NAME=postinst DPKG_MAINTSCRIPT_PACKAGE=x"
        for (arguments, answer) in [("configure ''", ""), ("configure 0.9", "rm_conffile /etc/x 1 -- configure 0.9\n")]
        {
            try AtomicFile.write(Array(script.utf8), to: "\(directory.path)/script", mode: 0o755)
            let call = "\(environment) \(directory.path)/script rm_conffile /etc/x 1 -- \(arguments)"
            #expect(try Command("sh", ["-c", call]).run().text == answer)
        }
    }
}
