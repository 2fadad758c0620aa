/** Images that go with a message: read here, sent as data: addresses. */
import { Problem } from '$lib/api/problem';

const IMAGE_BYTES = 8 * 1024 * 1024;
export const IMAGES_MAX = 4;
const types = ['image/png', 'image/jpeg', 'image/webp', 'image/gif'];
export const ACCEPTED = types.join(',');

export async function readImage(file: File): Promise<string> {
  if (!types.includes(file.type))
    throw new Problem('bad_image', `${file.name} is no PNG, JPEG, WebP or GIF image.`);
  if (file.size > IMAGE_BYTES)
    throw new Problem(
      'bad_image',
      `${file.name} is too large: ${(file.size / 1048576).toFixed(1)} MiB of at most 8 MiB.`,
    );
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result));
    reader.onerror = () => reject(new Problem('bad_image', `${file.name} cannot be read.`));
    reader.readAsDataURL(file);
  });
}
