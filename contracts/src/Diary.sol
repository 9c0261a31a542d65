// SPDX-License-Identifier: MIT
pragma solidity ^0.8.30;

/// @title Diary
/// @notice Keeps one note an hour about each of many things, the newest few days of them.
/// @dev Whoever reads only views at one block learns nothing of the past from most contracts. Here
/// the past is kept: a note is one storage slot, and whoever has reason to come by pays for it.
abstract contract Diary {
    /// @notice What was noted, and when; times are seconds and wrap in 2106, as Uniswap's do.
    struct Note {
        uint32 at;
        uint224 value;
    }

    /// @notice The least time between two notes about the same thing.
    uint32 public constant EVERY = 1 hours;

    /// @notice So many notes about one thing are kept.
    uint256 public constant KEPT = 72;

    mapping(address about => uint256) private _written;
    mapping(address about => mapping(uint256 place => Note)) private _notes;

    /// @notice The newest notes about something, and after them how it stands now.
    /// @param about What was noted.
    /// @param most So many notes at most.
    /// @return notes The oldest first; the last of them is of this very block and not written down.
    function history(address about, uint256 most) external view returns (Note[] memory notes) {
        uint256 written = _written[about];
        uint256 count = written < KEPT ? written : KEPT;
        if (count > most) count = most;
        notes = new Note[](count + 1);
        for (uint256 i; i < count; ++i) {
            notes[i] = _notes[about][(written - count + i) % KEPT];
        }
        notes[count] = Note(uint32(block.timestamp), _now(about));
    }

    /// @notice Notes how something stands, unless that was done within the hour; anyone may.
    /// @param about What to look at.
    function observe(address about) public {
        uint256 written = _written[about];
        uint32 time = uint32(block.timestamp);
        unchecked {
            if (written != 0 && time - _notes[about][(written - 1) % KEPT].at < EVERY) return;
        }
        _notes[about][written % KEPT] = Note(time, _now(about));
        _written[about] = written + 1;
    }

    /// @dev How something stands at this block.
    function _now(address about) internal view virtual returns (uint224);
}
