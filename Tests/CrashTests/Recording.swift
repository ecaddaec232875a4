import Controller
import LinuxSystem
import SlotMachine

/// What was done to a machine's storage, in order.
final class Log {
    enum Volume { case esp, state }

    enum Operation {
        case diskWrite(offset: Int, bytes: [UInt8])
        case diskFlush
        case write(Volume, path: String, offset: Int, bytes: [UInt8])
        case flush(Volume, path: String)
        case flushDirectory(Volume, path: String)
        case remove(Volume, path: String)
        /// The boot loader counts a try.
        case loaderRename(from: String, to: String)
        /// From here on this slot runs, and that one is the last good one: neither is ever to be written.
        case runs(Slot, good: Slot)
        /// From here on this generation may be booted uncounted: its checks have passed.
        case proven(UInt64)
    }

    var operations: [Operation] = []
}

/// A disk whose writes are logged.
final class RecordingDevice: BlockDevice {
    private let device: any BlockDevice
    private let log: Log
    var name: String { device.name }
    var sizeBytes: UInt64 { device.sizeBytes }

    init(_ device: any BlockDevice, _ log: Log) { (self.device, self.log) = (device, log) }

    func read(at offset: UInt64, count: Int) throws(SystemError) -> [UInt8] {
        try device.read(at: offset, count: count)
    }

    func write(_ bytes: [UInt8], at offset: UInt64) throws(SystemError) {
        log.operations.append(.diskWrite(offset: Int(offset), bytes: bytes))
        try device.write(bytes, at: offset)
    }

    func flush() throws(SystemError) {
        log.operations.append(.diskFlush)
        try device.flush()
    }
}

/// Files whose changes are logged.
final class RecordingVolume: FileVolume {
    private let volume: any FileVolume
    private let id: Log.Volume
    private let log: Log
    var name: String { volume.name }

    init(_ volume: any FileVolume, _ id: Log.Volume, _ log: Log) {
        (self.volume, self.id, self.log) = (volume, id, log)
    }

    func names(in directory: String) throws(SystemError) -> [String] { try volume.names(in: directory) }
    func size(of path: String) throws(SystemError) -> Int? { try volume.size(of: path) }
    func read(_ path: String, at offset: Int, count: Int) throws(SystemError) -> [UInt8] {
        try volume.read(path, at: offset, count: count)
    }
    func makeDirectory(_ path: String) throws(SystemError) { try volume.makeDirectory(path) }
    func freeBytes() throws(SystemError) -> Int { try volume.freeBytes() }

    func write(_ bytes: [UInt8], to path: String, at offset: Int) throws(SystemError) {
        log.operations.append(.write(id, path: path, offset: offset, bytes: bytes))
        try volume.write(bytes, to: path, at: offset)
    }

    func flush(_ path: String) throws(SystemError) {
        log.operations.append(.flush(id, path: path))
        try volume.flush(path)
    }

    func flushDirectory(_ path: String) throws(SystemError) {
        log.operations.append(.flushDirectory(id, path: path))
        try volume.flushDirectory(path)
    }

    func remove(_ path: String) throws(SystemError) {
        log.operations.append(.remove(id, path: path))
        try volume.remove(path)
    }
}
