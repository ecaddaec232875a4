/// A thing that a construction makes, and where it goes.
public struct Output: Sendable, Equatable {
    /// What kinds of things there are.
    public enum Form: String, Sendable, CaseIterable {
        /// A disk image, sparse.
        case raw

        /// Whether it holds a bootable disk; else it is the file tree alone.
        var isDisk: Bool { true }
    }

    /// What is made.
    public var form: Form
    /// Its path.
    public var path: String

    /// An output from its parts.
    public init(_ form: Form, path: String) {
        self.form = form
        self.path = path
    }

    /// Reads `FORM:PATH`, or `PATH` alone, whose ending then tells the form.
    ///
    /// - Throws: ``ConstructorError`` where no form is told.
    public init(argument: String) throws(ConstructorError) {
        for form in Form.allCases where argument.hasPrefix("\(form.rawValue):") {
            self.init(form, path: String(argument.dropFirst(form.rawValue.utf8.count + 1)))
            return
        }
        for form in Form.allCases where argument.hasSuffix(".\(form.rawValue)") {
            self.init(form, path: argument)
            return
        }
        let forms = Form.allCases.map(\.rawValue).joined(separator: ", ")
        throw ConstructorError(
            "output \(argument): neither its name nor a prefix tells what to make",
            hint: "write FORM:PATH, where FORM is one of \(forms)")
    }

    /// The manifest's path beside a disk image: `minimal.raw` has `minimal.manifest.json`.
    public var manifestPath: String {
        let suffix = ".\(form.rawValue)"
        return (path.hasSuffix(suffix) ? String(path.dropLast(suffix.utf8.count)) : path) + ".manifest.json"
    }
}
