import BlueprintModel
import PiscesTesting
import Testing

@testable import Copier

@Suite struct PublicCheckTests {
    private func reasons(_ text: String) -> [String] {
        PublicCheck.suspicions(in: Array(text.utf8), at: "/etc/x").map(\.description)
    }

    @Test(arguments: [
        "key = 8f14e45fceea167a5a36dedd4bea2543", "x 9Zk3Qw7Lp2Xv8Rt5Yb1N",
        "url=/hook/T02AB3CD4/B0Q9xYz12aBcD34eFgH56iJ\n",
        "a\nb\nQm9vayBvZiBzZWNyZXRzIDEyMzQ1Njc4OTA=\n", "password = hunter22",
    ])
    func whatDiceMadeIsSuspicious(_ text: String) {
        #expect(reasons(text).count == 1, "\(reasons(text))")
    }

    @Test(arguments: [
        "PasswordAuthentication no\nKexAlgorithms sntrup761x25519-sha512@openssh.com,curve25519-sha256\n",
        "/usr/lib/x86_64-linux-gnu/gstreamer1.0/gstreamer-1.0/gst-ptp-helper\n",
        "UUID=0f2a1c5e-7b1d-4c3e-9a8b-1234567890ab / ext4 errors=remount-ro 0 1\n",
        "image: docker.io/library/nginx@sha256:8f14e45fceea167a5a36dedd4bea25438f14e45fceea167a5a36dedd4bea2543\n",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ9k3/Qw7Lp2Xv8Rt5Yb1N9Zk3Qw7Lp2Xv8Rt5Yb1 ada@example.org\n",
        "-----BEGIN CERTIFICATE-----\nMIIB8f14e45fceea167a5a36dedd4bea2543Zk3Qw7Lp2Xv8Rt5Yb1N\n-----END CERTIFICATE-----\n",
        "\u{7F}ELF\0\0 8f14e45fceea167a5a36dedd4bea2543",
    ])
    func whatAllMaySeeIsNot(_ text: String) { #expect(reasons(text) == []) }

    @Test func thePlaceIsToldAndTheTextIsNot() {
        #expect(reasons("a\nkey 8f14e45fceea167a5a36dedd4bea2543\n") == ["/etc/x:2: a long word as dice make them"])
        #expect(reasons("\u{0}\u{1}") == ["/etc/x: no text that can be looked through"])
    }

    @Test func randomWordsAreNearlyAlwaysFound() {
        var random = SeededGenerator(state: 7)
        let alphabets = ["abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", "0123456789abcdef"]
        for alphabet in alphabets {
            let missed = (0..<1000).count { _ in
                let word = String((0..<40).map { _ in random.pick(Array(alphabet)) })
                return reasons("setting \(word)\n").isEmpty
            }
            #expect(missed < 20, "\(missed) of 1000 words of \(alphabet)")
        }
    }

    @Test func everyKindIsLookedThroughAndWhatSomebodyVettedIsNot() {
        let token = "8f14e45fceea167a5a36dedd4bea2543"
        var blueprint = Blueprint(name: "node")
        blueprint.files["/etc/x"] = .init(.regular(Array("key \(token)\n".utf8)))
        blueprint.files["/etc/\(token)"] = .init(.symlink("x"))
        blueprint.users["ada"] = .init()
        blueprint.users["ada"]?.comment = token
        blueprint.kernel.commandLine = ["x=\(token)"]
        let places = PublicCheck.suspicions(in: blueprint).map(\.place)
        #expect(places == ["/etc/x", "files./etc/\(token)", "kernel.command-line", "users.ada.comment"])
        #expect(PublicCheck.suspicions(in: blueprint, vetted: Set(places)) == [])
    }
}
