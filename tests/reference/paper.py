"""The tutorial's recipe, as plain as it is usually written: three calls of librosa, each with its own spectrum."""

import warnings

import librosa
import numpy as np


def paper_vector(y: np.ndarray, sr: int, n_fft: int, hop_length: int, htk: bool) -> np.ndarray:
    """Means over frames of 40 MFCC, 12 chroma and 128 mel bands, shape (180,)."""
    frame = {"n_fft": n_fft, "hop_length": hop_length}
    with warnings.catch_warnings():
        for message in ("n_fft=", "Empty filters", "Trying to estimate tuning"):
            warnings.filterwarnings("ignore", message=message)
        mfcc = librosa.feature.mfcc(y=y, sr=sr, n_mfcc=40, htk=htk, **frame)
        chroma = librosa.feature.chroma_stft(y=y, sr=sr, **frame)
        mel = librosa.feature.melspectrogram(y=y, sr=sr, htk=htk, **frame)
    return np.concatenate([np.mean(part.T, axis=0) for part in (mfcc, chroma, mel)])
