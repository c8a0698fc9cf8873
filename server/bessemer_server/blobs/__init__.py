"""Where the bytes of tensors are kept, under their digest, behind `domain.ports.BlobStore`."""
