import BlueprintModel
import LinuxSystem

@testable import Constructor

/// The repository's folder.
let repository = parentDirectory(of: parentDirectory(of: parentDirectory(of: #filePath)))

func shippedLayout(_ name: String) throws -> ImageLayout {
    let path = "\(repository)/Images/\(name).yaml"
    return try ImageLayout(yaml: try Descriptor.open(path).readToEnd(), file: path)
}
