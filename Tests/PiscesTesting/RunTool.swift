internal import LinuxSystem

/// Runs a tool that must succeed; returns what it printed.
@discardableResult
public func run(_ argv: String...) throws -> String {
    let environment = ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"]
    let result = try runTool(argv, environment, nil)
    guard result.status == 0 else {
        throw ToolFailure(message: "\(argv): \(String(decoding: result.errorOutput, as: UTF8.self))")
    }
    return String(decoding: result.output, as: UTF8.self)
}

/// What a tool said before it failed.
public struct ToolFailure: Error {
    /// Its command line and its standard error.
    public let message: String

    /// Makes an error.
    public init(message: String) { self.message = message }
}
