public import LinuxSystem
public import SlotMachine

/// What the controller wants of a boot loader: to know and to set how generations stand, and which is started next.
///
/// All that a call did is durable when it returns, and it may be made again at any time.
public protocol BootBackend {
    /// How the generations stand for which there is something to boot, by number.
    func states() throws(ControllerError) -> [UInt64: EntryState]
    /// The generation that the boot loader starts next; nil if that is nothing of ours.
    func primary() throws(ControllerError) -> UInt64?
    /// Lets the next start boot a generation, for so many tries. Its number must be higher than all others.
    func setPrimary(_ generation: Generation, tries: Int) throws(ControllerError)
    /// Takes the counter off a generation.
    func setGood(_ number: UInt64) throws(ControllerError)
    /// Takes generations away from the boot loader.
    func retire(_ numbers: (UInt64) -> Bool) throws(ControllerError)

    /// Refuses a kernel image for which there is no room, before anything is removed.
    func checkSpace(for image: Digest, sizeBytes: Int) throws(ControllerError)
    /// Puts a kernel image in place, if it is not there whole, and reads it back.
    func store(
        _ image: Digest, sizeBytes: Int, read: (Int, Int) throws(ControllerError) -> [UInt8]
    ) throws(ControllerError)
    /// Removes the kernel images that nothing boots.
    func removeUnusedImages() throws(ControllerError)
}
