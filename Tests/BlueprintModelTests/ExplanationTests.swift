import BlueprintModel
import Testing

@Suite struct ExplanationTests {
    private let loaded: LoadedBlueprint

    init() throws {
        loaded = try load([
            "x.yaml": """
            blueprint: 1
            name: x
            include: [base.yaml]
            packages: [vim]
            users:
              ops:
                shell: /bin/bash
            units: { own: { a.b.service: { text: hi } } }
            """,
            "base.yaml": """
            blueprint: 1
            distribution: { debian: trixie, architecture: amd64 }
            packages:
              - less
            users: { ops: { shell: /bin/sh, uid: 1000 } }
            """,
        ])
    }

    @Test(arguments: [
        ("users.ops.shell", "\"/bin/bash\"", "x.yaml:7:12"), ("users.ops.uid", "1000", "base.yaml:5:38"),
        ("packages.install.less", "\"less\"", "base.yaml:4:5"), ("packages.install.vim", "\"vim\"", "x.yaml:4:12"),
        ("units.own.a.b.service.text", "\"hi\"", "x.yaml:8:38"), ("image.verity", "true", nil),
        ("users.ops.system", "false", nil), ("packages.install", "[\"less\",\"vim\"]", "base.yaml:4:3"),
    ])
    func aValueIsTracedToWhoSetIt(path: String, value: String, origin: String?) throws {
        let explanation = try loaded.explain(path)
        #expect(explanation.value?.canonical == value)
        #expect(explanation.origin?.description == origin)
    }

    @Test func anExplanationReadsWell() throws {
        #expect(
            try loaded.explain("users.ops.shell").description == """
                users.ops.shell: "/bin/bash"
                  set at x.yaml:7:12
                  The login shell; by default /bin/bash, for a system user /usr/sbin/nologin.
                """)
        #expect(
            try loaded.explain("image.data").description == """
                image.data: not set
                  default
                  Size of the data partition before it grows; by default the layout's.
                """)
    }

    @Test(arguments: [
        ("users.op.shell", "no \"op.shell\" in users; did you mean \"ops\"?"),
        ("imagee", "no \"imagee\" in blueprint; did you mean \"image\"?"), ("users..", "no \".\" in users"),
        ("name.x", "no \"x\" in name"),
    ])
    func anUnknownPathIsAnError(path: String, message: String) {
        #expect(throws: UnknownPath.self) { try loaded.explain(path) }
        do { _ = try loaded.explain(path) } catch { #expect("\(error)" == message) }
    }
}
