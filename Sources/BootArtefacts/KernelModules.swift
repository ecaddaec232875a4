/// The kernel's modules and what each needs, from the files that depmod(8) writes to `/lib/modules/VERSION`.
public struct KernelModules: Sendable {
    /// Parses the texts of `modules.dep`, `modules.softdep` and `modules.builtin`.
    public init(
        dependencies: String, softDependencies: String = "", builtin: String = ""
    ) throws(BootArtefactError) {}

    /// The files to insert, in order, each once, for the modules of these names and all they need.
    ///
    /// Paths are as in `modules.dep`: relative to `/lib/modules/VERSION`, with the suffix `.ko`, `.ko.xz` and so on. `-` and
    /// `_` are the same; a name that ends in `?` may be missing; what is built into the kernel is left out.
    public func loadOrder(for names: [String]) throws(BootArtefactError) -> [String] { [] }
}
