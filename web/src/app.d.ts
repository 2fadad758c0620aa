declare global {
  namespace App {
    interface PageState {
      /** A layer (drawer, sheet) that the back button closes. */
      layer?: string;
    }
  }
}

export {};
