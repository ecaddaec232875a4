import Testing

@testable import Debian

@Suite struct TimestampTests {
    @Test(arguments: [
        (Int64(0), "1970-01-01T00:00:00Z"), (-1, "1969-12-31T23:59:59Z"), (951_782_399, "2000-02-28T23:59:59Z"),
        (951_782_400, "2000-02-29T00:00:00Z"), (4_107_542_400, "2100-03-01T00:00:00Z"),
        (1_763_194_000, "2025-11-15T08:06:40Z"), (253_402_300_799, "9999-12-31T23:59:59Z"),
    ])
    func secondsAndTextAreTheSameTime(seconds: Int64, text: String) {
        #expect(Timestamp.text(seconds) == text)
        #expect(Timestamp.parse(text) == seconds)
    }

    @Test func daysOfAnyCenturyComeBack() {
        for day in stride(from: Int64(-200_000), to: 400_000, by: 17) {
            let seconds = day * 86400 + 3661
            if Timestamp.parse(Timestamp.text(seconds)) != seconds {
                Issue.record("day \(day) became \(Timestamp.text(seconds))")
                return
            }
        }
    }

    @Test(arguments: [
        "2025-02-29T00:00:00Z", "2025-13-01T00:00:00Z", "2025-01-01T24:00:00Z", "2025-01-01 00:00:00Z", "",
    ])
    func refusesWhatIsNoTime(text: String) { #expect(Timestamp.parse(text) == nil) }

    @Test func datesOfReleaseFiles() {
        #expect(Timestamp.parseReleaseDate("Sat, 15 Nov 2025 08:06:40 UTC") == 1_763_194_000)
        #expect(Timestamp.parseReleaseDate("Sat, 15 Nov 2025 08:06:40 +0000") == 1_763_194_000)
        #expect(Timestamp.parseReleaseDate("Sat, 15 Nov 2025 08:06:40 +0100") == nil)
        #expect(Timestamp.parseReleaseDate("Sat, 99999999999999999999 Nov 2025 08:06:40 UTC") == nil)
        #expect(Timestamp.parseReleaseDate("") == nil)
    }
}
