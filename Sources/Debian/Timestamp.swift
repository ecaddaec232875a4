/// Times in UTC as text, without a calendar library: seconds since 1970 on the proleptic Gregorian calendar.
public enum Timestamp {
    /// `2025-11-15T08:00:00Z`.
    public static func text(_ seconds: Int64) -> String {
        let day = seconds >= 0 ? seconds / 86400 : (seconds - 86399) / 86400
        let second = seconds - day * 86400
        let (year, month, date) = civil(day)
        func digits(_ value: Int64, _ count: Int) -> String {
            let text = "\(value)"
            return String(repeating: "0", count: max(0, count - text.utf8.count)) + text
        }
        return "\(digits(year, 4))-\(digits(month, 2))-\(digits(date, 2))T"
            + "\(digits(second / 3600, 2)):\(digits(second / 60 % 60, 2)):\(digits(second % 60, 2))Z"
    }

    /// Reads what ``text(_:)`` writes for the years 0 to 9999; nil for anything else.
    static func parse(_ text: String) -> Int64? {
        let bytes = Array(text.utf8)
        guard bytes.count == 20 else { return nil }
        func number(_ range: Range<Int>) -> Int64? {
            bytes[range].allSatisfy(isDigit) ? Int64(String(decoding: bytes[range], as: UTF8.self)) : nil
        }
        guard let year = number(0..<4), let month = number(5..<7), let date = number(8..<10),
            let hour = number(11..<13), let minute = number(14..<16), let second = number(17..<19),
            let seconds = seconds(year, month, date, hour, minute, second), self.text(seconds) == text
        else { return nil }
        return seconds
    }

    /// Reads the `Date` of a release file: `Sat, 15 Nov 2025 08:00:00 UTC` (RFC 2822, UTC only); nil for anything else.
    static func parseReleaseDate(_ text: String) -> Int64? {
        let parts = words(of: text)
        let clock = parts.count == 6 ? parts[4].split(separator: ":").map(String.init) : []
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        guard clock.count == 3, ["UTC", "GMT", "Z", "+0000"].contains(parts[5]),
            let month = months.firstIndex(of: parts[2]), let date = Int64(parts[1]), let year = Int64(parts[3]),
            let hour = Int64(clock[0]), let minute = Int64(clock[1]), let second = Int64(clock[2])
        else { return nil }
        return seconds(year, Int64(month) + 1, date, hour, minute, second)
    }

    private static func seconds(
        _ year: Int64, _ month: Int64, _ date: Int64, _ hour: Int64, _ minute: Int64, _ second: Int64
    ) -> Int64? {
        guard (0...9999).contains(year), (1...12).contains(month), (1...31).contains(date), (0...23).contains(hour),
            (0...59).contains(minute), (0...60).contains(second)
        else { return nil }
        let day = days(year, month, date)
        // The 31st of a shorter month would come back as another date.
        guard civil(day) == (year, month, date) else { return nil }
        return day * 86400 + hour * 3600 + minute * 60 + second
    }

    // In years that begin in March the leap day is the last day, and the lengths of the months follow a line.

    private static func days(_ year: Int64, _ month: Int64, _ date: Int64) -> Int64 {
        let shifted = month > 2 ? year : year - 1
        let fromMarch = (month + 9) % 12
        let leapDays = floorDivide(shifted, 4) - floorDivide(shifted, 100) + floorDivide(shifted, 400)
        return 365 * shifted + leapDays + (153 * fromMarch + 2) / 5 + date - 1 - 719_468
    }

    private static func civil(_ day: Int64) -> (Int64, Int64, Int64) {
        let shifted = day + 719_468
        var year = floorDivide(shifted * 400, 146_097)
        // The estimate can be a year off where a leap day is near.
        while days(year + 1, 3, 1) <= day { year += 1 }
        while days(year, 3, 1) > day { year -= 1 }
        let ofYear = day - days(year, 3, 1)
        let fromMarch = (5 * ofYear + 2) / 153
        let month = fromMarch < 10 ? fromMarch + 3 : fromMarch - 9
        return (month <= 2 ? year + 1 : year, month, ofYear - (153 * fromMarch + 2) / 5 + 1)
    }

    private static func floorDivide(_ value: Int64, _ divisor: Int64) -> Int64 {
        value >= 0 ? value / divisor : (value - divisor + 1) / divisor
    }
}
